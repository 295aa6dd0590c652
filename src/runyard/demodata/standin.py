"""Texts for a machine where the demo's packages cannot be had: scikit-learn brings pictures, but no texts.

A row is a sentence of a data set's description in scikit-learn; the label is the data set.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from runyard.demodata import packages
from runyard.demodata.convert import write_parquet

_DESCRIBED = ("breast_cancer", "diabetes", "digits", "iris", "wine")
_FEWEST_WORDS = 4


def descriptions(target: Path) -> None:
    """Write one row a sentence, markup and table lines left out."""
    from sklearn import datasets

    texts, labels = [], []
    for name in _DESCRIBED:
        about = str(getattr(datasets, f"load_{name}")().DESCR)
        for sentence in re.split(r"(?<=[.:;])\s+|\n\s*\n|\n\s*-\s", about):
            text = " ".join(sentence.split())
            words = re.findall(r"[A-Za-z]{2,}", text)
            if len(words) >= _FEWEST_WORDS and not re.search(r"={3}|-{3}|\.\. ", text):
                texts.append(text)
                labels.append(name)
    write_parquet(target, {"text": texts, "label": labels})


def main(cache: Path) -> None:
    descriptions(cache / "datasets" / packages.DESCRIPTIONS)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
