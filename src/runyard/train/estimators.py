"""Builds the estimators of `config/estimators.py`, not fitted."""

from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any

from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression as SklearnLogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import SVC

from runyard.config.estimators import Ensemble, GradientBoosting, LogisticRegression, RandomForest, Svm
from runyard.core.errors import Invalid


@dataclass(frozen=True)
class Setting:
    """What estimators need beside their part: `weights` of the classes by number, rows in the smallest class."""

    seed: int
    threads: int
    weights: dict[int, float] | None
    smallest_class: int

    def folds(self, wanted: int) -> StratifiedKFold:
        """Return folds that have each class in them, at most as many as the smallest class has rows."""
        count = min(wanted, self.smallest_class)
        if count < 2:
            raise Invalid(
                "A class has one row only in the training part: no folds can be made of it.",
                hint="Give more rows of it, drop the class, or take a model without folds: a forest, say.",
            )
        return StratifiedKFold(count, shuffle=True, random_state=self.seed)

    def inside_a_fold(self, wanted: int) -> "Setting":
        """Return what holds for estimators that are fitted on all folds but one."""
        folds = self.folds(wanted).get_n_splits()
        return replace(self, smallest_class=self.smallest_class - -(-self.smallest_class // folds))


@singledispatch
def build_estimator(part: object, setting: Setting) -> Any:
    """Return the estimator of a part of the configuration, such as `Svm(kernel="linear")`, not fitted.

    Raises:
        Invalid: there are too few rows of a class for its folds.
    """
    raise TypeError(f"no estimator for {type(part).__name__}")


@build_estimator.register
def _(part: RandomForest, setting: Setting) -> Any:
    return RandomForestClassifier(
        n_estimators=part.trees,
        max_depth=part.max_depth,
        min_samples_leaf=part.min_samples_leaf,
        max_features=None if part.max_features == "all" else part.max_features,
        class_weight=setting.weights,
        random_state=setting.seed,
        n_jobs=setting.threads,
    )


@build_estimator.register
def _(part: GradientBoosting, setting: Setting) -> Any:
    return HistGradientBoostingClassifier(
        max_iter=part.rounds,
        learning_rate=part.shrinkage,
        max_leaf_nodes=part.max_leaves,
        min_samples_leaf=part.min_samples_leaf,
        l2_regularization=part.l2,
        class_weight=setting.weights,
        early_stopping=False,  # Runyard looks at the validation part itself
        random_state=setting.seed,
    )


@build_estimator.register
def _(part: Svm, setting: Setting) -> Any:
    machine = SVC(
        kernel=part.kernel,
        C=part.inverse_regularization,
        gamma=part.gamma,
        class_weight=setting.weights,
        random_state=setting.seed,
    )
    return CalibratedClassifierCV(machine, ensemble=False, cv=setting.folds(part.folds))


@build_estimator.register
def _(part: LogisticRegression, setting: Setting) -> Any:
    return SklearnLogisticRegression(
        C=part.inverse_regularization,
        max_iter=part.max_iterations,
        class_weight=setting.weights,
        random_state=setting.seed,
    )


@build_estimator.register
def _(part: Ensemble, setting: Setting) -> Any:
    if part.combine == "soft_voting":
        members = [(name, build_estimator(member, setting)) for name, member in part.members.items()]
        return VotingClassifier(members, voting="soft")
    inside = setting.inside_a_fold(part.folds)
    members = [(name, build_estimator(member, inside)) for name, member in part.members.items()]
    last = SklearnLogisticRegression(max_iter=1000, random_state=setting.seed)
    return StackingClassifier(members, last, cv=setting.folds(part.folds), stack_method="predict_proba")
