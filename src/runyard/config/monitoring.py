"""What a run writes down while it trains, and who else is told."""

from pydantic import Field

from runyard.config.part import ADVANCED, Part, Real, Whole

_OFTEN = 10_000_000


class Monitoring(Part):
    """What is written to the journal while the run trains, and the mirrors that hear of it."""

    track_gradients: bool = Field(
        default=True,
        title="Gradient norm",
        description="Write the norm of the gradients at each step, and now and then that of each layer.",
        json_schema_extra=ADVANCED,
    )
    log_every_steps: Whole = Field(
        default=1,
        ge=1,
        le=100_000,
        title="Log every",
        description="Steps between two points of the step curves.",
        json_schema_extra=ADVANCED,
    )
    layer_norm_frequency: Whole = Field(
        default=50,
        ge=0,
        le=_OFTEN,
        title="Layer norms every",
        description="Steps between the gradient norms of each layer; 0 for none.",
        json_schema_extra=ADVANCED,
    )
    gradient_histogram_frequency: Whole = Field(
        default=100,
        ge=0,
        le=_OFTEN,
        title="Gradient histograms every",
        description="Steps between the histograms of each layer's gradients; 0 for none.",
        json_schema_extra=ADVANCED,
    )
    track_weights: bool = Field(
        default=True,
        title="Weights",
        description="Write histograms of each layer's trained weights.",
        json_schema_extra=ADVANCED,
    )
    weight_histogram_frequency: Whole = Field(
        default=100,
        ge=0,
        le=_OFTEN,
        title="Weight histograms every",
        description="Steps between the histograms of each layer's weights; 0 for none.",
        json_schema_extra=ADVANCED,
    )
    track_activations: bool = Field(
        default=False,
        title="Activations",
        description="Write histograms of what each layer puts out.",
        json_schema_extra=ADVANCED,
    )
    activation_histogram_frequency: Whole = Field(
        default=100,
        ge=0,
        le=_OFTEN,
        title="Activation histograms every",
        description="Steps between the histograms of each layer's output; 0 for none.",
        json_schema_extra=ADVANCED,
    )
    loss_curve_smoothing: Real = Field(
        default=0.0,
        ge=0,
        lt=1,
        title="Smoothing of step curves",
        description="Weight of the past in the exponential mean that pages draw over single steps; 0 for none.",
        json_schema_extra=ADVANCED,
    )
    tensorboard_logging: bool = Field(
        default=False,
        title="TensorBoard",
        description="Write TensorBoard's files too, in the folder of the run.",
        json_schema_extra=ADVANCED,
    )
    mlflow_logging: bool = Field(
        default=False,
        title="MLflow",
        description="Log to MLflow too, where MLFLOW_TRACKING_URI says or else into the yard.",
        json_schema_extra=ADVANCED,
    )
    wandb_logging: bool = Field(
        default=False,
        title="Weights & Biases",
        description="Log to W&B too: offline, unless WANDB_MODE says otherwise.",
        json_schema_extra=ADVANCED,
    )
