"""Which weights are trained when, and their running mean."""

from pydantic import Field

from runyard.config.part import ADVANCED, Part, Real, Whole


class Ema(Part):
    """An exponential mean of the weights, which is what is validated and saved in their place."""

    enabled: bool = Field(
        default=False,
        title="Mean of the weights",
        description="Validate and save an exponential moving average of the weights.",
        json_schema_extra=ADVANCED,
    )
    decay: Real = Field(
        default=0.999,
        gt=0,
        lt=1,
        title="Decay of the mean",
        description="Weight of the past at each step; 0.999 looks back over about 1,000 steps.",
        json_schema_extra=ADVANCED,
    )


class Freezing(Part):
    """Layers that are not trained, counted from the input: for good, or until their turn comes."""

    frozen_layers: Whole = Field(
        default=0,
        ge=0,
        le=10_000,
        title="Frozen layers",
        description="Layers from the input on that are frozen; with unfreezing, 0 is all but the head.",
        json_schema_extra=ADVANCED,
    )
    unfreeze_every: Whole = Field(
        default=0,
        ge=0,
        le=100_000,
        title="Unfreeze every",
        description="Epochs after which one more layer is trained, from the output back; 0 for never.",
        json_schema_extra=ADVANCED,
    )

    @property
    def enabled(self) -> bool:
        return self.frozen_layers > 0 or self.unfreeze_every > 0
