"""Estimators as files: skops instead of pickle, and a list of the only types that are made again when one is read."""

import zipfile
from pathlib import Path
from typing import Any

import skops.io

from runyard.core.errors import Corrupt

# What skops does not trust by itself, and what the estimators of `estimators.py` are made of.
TRUSTED = (
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
)


def dump_estimator(estimator: Any, path: Path) -> None:
    """Write an estimator, compressed."""
    skops.io.dump(estimator, path, compression=zipfile.ZIP_DEFLATED)


def load_estimator(path: Path) -> Any:
    """Read an estimator.

    Raises:
        Corrupt: it holds something that no estimator of ours is made of, or is no such file.
    """
    try:
        strange = sorted(set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED))
        if strange:
            raise Corrupt(
                f"{path} holds {', '.join(strange[:5])}: no model of ours has that in it.",
                hint="It is not loaded, since loading it could run code. Train the model again.",
            )
        return skops.io.load(path, trusted=list(TRUSTED))
    except (OSError, zipfile.BadZipFile, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Corrupt(f"The model in {path} cannot be loaded: {error}", hint="Train it again.") from error
