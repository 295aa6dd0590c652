"""Whether what a loss says of classes by name fits the classes of the data: known before a run starts."""

from collections.abc import Collection, Sequence

from runyard.config.losses import CrossEntropy, ExpectedCost, Focal, LeakAware
from runyard.config.part import Part
from runyard.core.errors import Invalid, Problem

_PART = "optimization.loss"


def check_loss(loss: Part, classes: Sequence[str]) -> None:
    """Hold the class names of a loss against those of the data.

    Raises:
        Invalid: the loss names classes that the data does not have, or leaves some out that it needs.
    """
    if isinstance(loss, CrossEntropy) and isinstance(loss.class_weights, dict):
        refuse_unknown(loss.class_weights, classes, "class_weights", is_whole=True)
    elif isinstance(loss, Focal) and isinstance(loss.alpha, dict):
        refuse_unknown(loss.alpha, classes, "alpha", is_whole=True)
    elif isinstance(loss, LeakAware):
        refuse_unknown(loss.leak_classes, classes, "leak_classes")
    elif isinstance(loss, ExpectedCost):
        refuse_unknown({*loss.costs, *(said for row in loss.costs.values() for said in row)}, classes, "costs")


def refuse_unknown(given: Collection[str], classes: Sequence[str], key: str, *, is_whole: bool = False) -> None:
    """Refuse names that are no classes; `is_whole`: and classes that are not named.

    Raises:
        Invalid: with all of them.
    """
    problems = [
        Problem(f"{_PART}.{key}.{name}", "there is no such class", tuple(classes))
        for name in sorted(set(given) - set(classes))
    ]
    if is_whole:
        problems += [
            Problem(f"{_PART}.{key}.{name}", "the number of this class is missing")
            for name in sorted(set(classes) - set(given))
        ]
    if problems:
        raise Invalid("The loss does not fit the classes of the data.", problems=problems)
