"""What a run does when a monitored value stops getting better: it stops, or lowers its rate."""

from typing import Any, Literal

from pydantic import Field, model_validator

from runyard.config.part import ADVANCED, BASIC, Part, Real, Whole, with_default
from runyard.config.scores import Monitor, better


class EarlyStopping(Part):
    """When to stop before the last epoch, and what counts as the best one."""

    enabled: bool = Field(
        default=True,
        title="Early stopping",
        description="Stop when the monitored value stops getting better.",
        json_schema_extra=BASIC,
    )
    monitor: Monitor = Field(
        default="val_loss",
        title="Monitor",
        description="The value that says which epoch is the best.",
        json_schema_extra=BASIC,
    )
    mode: Literal["min", "max"] = Field(
        default="min",
        title="Mode",
        description="Whether a smaller or a larger value is better; follows the monitor.",
        json_schema_extra=ADVANCED,
    )
    patience: Whole = Field(
        default=10,
        ge=1,
        le=100_000,
        title="Patience",
        description="Epochs without a gain before the run stops.",
        json_schema_extra=BASIC,
    )
    threshold: Real = Field(
        default=1e-4,
        ge=0,
        le=1e6,
        title="Threshold",
        description="A smaller gain than this does not count.",
        json_schema_extra=ADVANCED,
    )

    @model_validator(mode="before")
    @classmethod
    def _mode_follows_monitor(cls, values: Any) -> Any:
        monitor = values.get("monitor") if isinstance(values, dict) else None
        return with_default(values, "mode", better(monitor if isinstance(monitor, str) and monitor else "val_loss"))


class ReduceOnPlateau(Part):
    """When to lower the rate of the schedule for the rest of the run."""

    enabled: bool = Field(
        default=False,
        title="Reduce on a plateau",
        description="Lower the rate when the monitored value stops getting better.",
        json_schema_extra=ADVANCED,
    )
    monitor: Monitor = Field(
        default="val_loss",
        title="Monitor of the plateau",
        description="The value that is watched.",
        json_schema_extra=ADVANCED,
    )
    factor: Real = Field(
        default=0.5,
        gt=0,
        lt=1,
        title="Factor",
        description="The rate is multiplied by this.",
        json_schema_extra=ADVANCED,
    )
    patience: Whole = Field(
        default=5,
        ge=0,
        le=100_000,
        title="Patience of the plateau",
        description="Epochs without a gain that are let pass; the next one lowers the rate.",
        json_schema_extra=ADVANCED,
    )
    threshold: Real = Field(
        default=1e-4,
        ge=0,
        le=1e6,
        title="Threshold of the plateau",
        description="A smaller gain than this does not count.",
        json_schema_extra=ADVANCED,
    )
