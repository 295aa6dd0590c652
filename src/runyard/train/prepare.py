"""From the rows of a file to numbers: what is missing is filled in, numbers are scaled, categories become columns.

Medians, means and categories are those of the training part alone: nothing is learnt from what is held out.
"""

from collections.abc import Sequence
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from runyard.data.features import Feature


def build_prepare(features: Sequence[Feature]) -> ColumnTransformer:
    """Return the transformer of rows (n, features), not fitted; a category that is new later counts as none."""
    numbers = [i for i, feature in enumerate(features) if feature.kind == "number"]
    categories = [i for i, feature in enumerate(features) if feature.kind == "category"]
    steps: list[tuple[str, Any, list[int]]] = []
    if numbers:
        fill = SimpleImputer(strategy="median", keep_empty_features=True)
        steps.append(("numbers", Pipeline([("fill", fill), ("scale", StandardScaler())]), numbers))
    if categories:
        fill = SimpleImputer(missing_values="", strategy="most_frequent", keep_empty_features=True)
        one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        steps.append(("categories", Pipeline([("fill", fill), ("one_hot", one_hot)]), categories))
    return ColumnTransformer(steps)
