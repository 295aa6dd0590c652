"""The weights of classes, in their order: given by name, or balanced from the training part."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from runyard.config.class_names import refuse_unknown


def weights_of(
    given: Literal["balanced"] | Mapping[str, float] | None, classes: Sequence[str], y: NDArray[np.int64]
) -> NDArray[np.float64] | None:
    """Return a weight for each class, None where all are 1; balanced is n / (classes * frequency).

    Raises:
        Invalid: the map of weights does not name exactly the classes of the data.
    """
    if given is None:
        return None
    if given == "balanced":
        frequency = np.maximum(np.bincount(y, minlength=len(classes)), 1)
        return np.asarray(len(y) / (len(classes) * frequency), dtype=np.float64)
    refuse_unknown(given, classes, "class_weights", is_whole=True)
    return np.array([given[name] for name in classes], dtype=np.float64)
