"""Stand-ins made of scikit-learn's own data sets, for a machine where the demo's packages cannot be had.

`digits.npz`: each 8×8 picture read row by row as a series of 8 steps with 8 channels, 10 classes.
`sklearn-descriptions.parquet`: sentences of scikit-learn's data set descriptions; the label is the data set.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from runyard.demodata import packages
from runyard.demodata.convert import save_series, write_parquet

_DESCRIBED = ("breast_cancer", "diabetes", "digits", "iris", "wine")
_FEWEST_WORDS = 4


def digits(target: Path) -> None:
    """Write the digits as series; they have no subject, so each is its own."""
    from sklearn.datasets import load_digits

    found = load_digits()
    save_series(
        target,
        [picture / 16.0 for picture in found.images],
        y=found.target.astype("int64"),
        subject=range(len(found.target)),
        labels=[str(name) for name in found.target_names],
        channels=[f"column_{number}" for number in range(8)],
    )


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
    digits(cache / "datasets" / packages.DIGITS)
    descriptions(cache / "datasets" / packages.DESCRIPTIONS)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
