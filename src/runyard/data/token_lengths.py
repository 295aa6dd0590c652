"""How long texts are for a model, before it is loaded: its tokenizer alone, without torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runyard.core.errors import Invalid

_MOST_TEXTS = 2000
_CHARACTERS_OF_A_TOKEN = 32  # more of a text is not needed to know that it is too long


@dataclass(frozen=True)
class TokenLengths:
    """Tokens of `texts` texts: their median, the longest, and how many have more than the limit."""

    texts: int
    median: int
    longest: int
    cut: int
    limit: int

    def words(self) -> str:
        """Return it as a sentence."""
        if not self.cut:
            return f"None of {self.texts:,} texts looked at is longer than {self.limit} tokens (median {self.median})."
        return (
            f"{self.cut:,} of {self.texts:,} texts looked at ({self.cut / self.texts:.0%}) are longer than "
            f"{self.limit} tokens and would be cut (median {self.median}, longest {self.longest})."
        )


def token_lengths(texts: Sequence[str], model: Path, limit: int) -> TokenLengths:
    """Count the tokens of texts; of many, an even sample of two thousand.

    Args:
        model: folder of a model with a tokenizer.json.

    Raises:
        Invalid: there are no texts, or the model has no such file.
    """
    from tokenizers import Tokenizer

    if not texts:
        raise Invalid("There are no texts to count.", hint="Name the column with the text.")
    try:
        tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    except Exception as error:
        raise Invalid(f"{model} has no tokenizer.json that can be read: {error}", hint="Take another model.") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    step = max(1, len(texts) // _MOST_TEXTS)
    chosen = [text[: max(20_000, limit * _CHARACTERS_OF_A_TOKEN)] for text in texts[::step]]
    lengths = sorted(len(encoded.ids) for encoded in tokenizer.encode_batch(chosen))
    cut = sum(length > limit for length in lengths)
    return TokenLengths(len(lengths), lengths[len(lengths) // 2], lengths[-1], cut, limit)
