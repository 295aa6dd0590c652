"""The scores of a validation: which there are, and which way is better."""

from typing import Literal

Score = Literal["accuracy", "f1_macro", "perplexity", "token_accuracy", "bleu"]
Monitor = Literal["val_loss", "accuracy", "f1_macro", "perplexity", "token_accuracy", "bleu", "reward"]
LOWER_IS_BETTER = frozenset({"val_loss", "perplexity"})


def better(name: str) -> Literal["min", "max"]:
    """Say whether the best value of a score is its smallest or its largest."""
    return "min" if name in LOWER_IS_BETTER else "max"
