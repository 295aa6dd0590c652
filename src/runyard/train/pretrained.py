"""Whether the weights of a model folder are those of the model that its config.json describes."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from runyard.core.errors import Invalid

_NOT_USED = "pooler"  # mean pooling and language models do without it, and many checkpoints have none
_NAMED = 3


def check_all_loaded(folder: Path, loaded: dict[str, Any]) -> None:
    """Refuse a model of which weights were not in the folder's file: transformers makes them up at random.

    Args:
        loaded: what `from_pretrained(..., output_loading_info=True)` says; weights that are tied to others count as
            there.

    Raises:
        Invalid: names some that are missing, and some that are there in their place.
    """
    missing = sorted(name for name in loaded["missing_keys"] if _NOT_USED not in name.split("."))
    if not missing:
        return
    strange = sorted(loaded["unexpected_keys"])
    there = f", though it has {_some(strange)}" if strange else ""
    raise Invalid(
        f"The weights in {folder} are not those of the model in its config.json: there is no {_some(missing)}{there}.",
        hint="Take config.json and model.safetensors from the same model. What is missing would begin at random.",
    )


def _some(names: Collection[str]) -> str:
    first, rest = list(names)[:_NAMED], len(names) - _NAMED
    return ", ".join(first) + (f" and {rest} more" if rest > 0 else "")
