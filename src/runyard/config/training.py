"""How a run trains: hyperparameters, optimisation, evaluation, deployment and resources."""

from typing import Literal

from pydantic import Field

from runyard.config.losses import CrossEntropy, Loss
from runyard.config.optimizers import AdamW, Optimizer
from runyard.config.part import ADVANCED, BASIC, Part, Real, Whole
from runyard.config.schedules import Cosine, Schedule
from runyard.config.scores import Score
from runyard.config.stopping import EarlyStopping, ReduceOnPlateau
from runyard.config.weights import Ema, Freezing


class Hyperparameters(Part):
    """The numbers that a search would turn."""

    learning_rate: Real = Field(
        default=1e-3,
        gt=0,
        le=10,
        title="Learning rate",
        description="Rate after the warm-up.",
        json_schema_extra={**BASIC, "scale": "log"},
    )
    batch_size: Whole = Field(
        default=16,
        ge=1,
        le=65_536,
        title="Batch size",
        description="Examples in one forward pass.",
        json_schema_extra=BASIC,
    )
    epochs: Whole = Field(
        default=3,
        ge=1,
        le=100_000,
        title="Epochs",
        description="Passes over the training data.",
        json_schema_extra=BASIC,
    )
    warmup_steps: Whole = Field(
        default=0,
        ge=0,
        le=10_000_000,
        title="Warm-up steps",
        description="Steps on which the rate rises from zero.",
        json_schema_extra=ADVANCED,
    )
    gradient_accumulation: Whole = Field(
        default=1,
        ge=1,
        le=4096,
        title="Gradient accumulation",
        description="Batches whose gradients are summed up for one step.",
        json_schema_extra=ADVANCED,
    )
    weight_decay: Real = Field(
        default=0.0,
        ge=0,
        le=10,
        title="Weight decay",
        description="Decay of matrices; vectors and biases are spared.",
        json_schema_extra=ADVANCED,
    )
    max_length: Whole = Field(
        default=128,
        ge=4,
        le=8192,
        title="Longest text",
        description="Tokens after which a text is cut.",
        json_schema_extra=ADVANCED,
    )
    dropout: Real = Field(
        default=0.1,
        ge=0,
        lt=1,
        title="Dropout",
        description="Dropout between convolutions, or before the head of an encoder.",
        json_schema_extra=ADVANCED,
    )


class Optimization(Part):
    """How the weights move."""

    optimizer: Optimizer = Field(
        default_factory=AdamW,
        title="Optimizer",
        description="The rule of the update.",
        json_schema_extra=BASIC,
    )
    schedule: Schedule = Field(
        default_factory=Cosine,
        title="Schedule",
        description="The learning rate over the run.",
        json_schema_extra=BASIC,
    )
    loss: Loss = Field(
        default_factory=CrossEntropy,
        title="Loss",
        description="What is made small.",
        json_schema_extra=ADVANCED,
    )
    gradient_clipping: Real | None = Field(
        default=1.0,
        gt=0,
        le=1e6,
        title="Gradient clipping",
        description="Largest norm of the gradients; empty for no limit.",
        json_schema_extra=ADVANCED,
    )
    skip_nonfinite_steps: Whole = Field(
        default=0,
        ge=0,
        le=1_000_000,
        title="Skip broken steps",
        description="Steps of an epoch that are left out when their loss is not finite; 0 ends the run at the first.",
        json_schema_extra=ADVANCED,
    )
    mixed_precision: bool = Field(
        default=False,
        title="Mixed precision",
        description="Compute in bfloat16 where the device can, else in float32.",
        json_schema_extra=ADVANCED,
    )
    early_stopping: EarlyStopping = Field(
        default_factory=EarlyStopping,
        title="Early stopping",
        description="When to stop.",
        json_schema_extra=BASIC,
    )
    reduce_on_plateau: ReduceOnPlateau = Field(
        default_factory=ReduceOnPlateau,
        title="Reduce on a plateau",
        description="When to lower the rate.",
        json_schema_extra=ADVANCED,
    )
    ema: Ema = Field(
        default_factory=Ema,
        title="Mean of the weights",
        description="Whether a running mean of the weights is validated and saved.",
        json_schema_extra=ADVANCED,
    )
    freezing: Freezing = Field(
        default_factory=Freezing,
        title="Freezing",
        description="Which layers are not trained, or later than others.",
        json_schema_extra=ADVANCED,
    )
    checkpoint_frequency: Whole = Field(
        default=100,
        ge=0,
        le=10_000_000,
        title="Checkpoint every",
        description="Steps between checkpoints inside an epoch; 0 for the ends of epochs alone.",
        json_schema_extra=ADVANCED,
    )
    keep_checkpoints: Whole = Field(
        default=2,
        ge=1,
        le=1000,
        title="Keep checkpoints",
        description="Newest checkpoints that are kept beside the best ones and the last end of an epoch.",
        json_schema_extra=ADVANCED,
    )
    keep_best: Whole = Field(
        default=1,
        ge=1,
        le=1000,
        title="Keep the best",
        description="Epochs with the best monitored values whose checkpoints are kept beside the newest.",
        json_schema_extra=ADVANCED,
    )
    validation_frequency: Whole = Field(
        default=0,
        ge=0,
        le=10_000_000,
        title="Validate every",
        description="Steps between validations inside an epoch; 0 for the ends of epochs alone.",
        json_schema_extra=ADVANCED,
    )


class Evaluation(Part):
    """What is measured on the validation data."""

    metrics: tuple[Score, ...] = Field(
        default=("accuracy", "f1_macro"),
        title="Metrics",
        description="Scores of each epoch; follow the model.",
        json_schema_extra=ADVANCED,
    )
    save_best_model: bool = Field(
        default=True,
        title="Keep the best",
        description="Save the weights of the best epoch, not those of the last one.",
        json_schema_extra=ADVANCED,
    )
    samples: Whole = Field(
        default=3,
        ge=0,
        le=50,
        title="Samples",
        description="Held-out prompts that a language model answers before and after the training.",
        json_schema_extra=ADVANCED,
    )
    sample_tokens: Whole = Field(
        default=48,
        ge=1,
        le=2048,
        title="Longest answer",
        description="Tokens after which a generated answer is cut.",
        json_schema_extra=ADVANCED,
    )
    benchmark: bool = Field(
        default=True,
        title="Benchmark",
        description="After the training, judge the saved model on the held-out examples.",
        json_schema_extra=ADVANCED,
    )


class Deployment(Part):
    """What happens to the model afterwards: in this version it stays in the folder of the run."""

    auto_deploy: Literal[False] = Field(
        default=False,
        title="Deploy",
        description="Deployment comes with a later version.",
        json_schema_extra=ADVANCED,
    )


class Resources(Part):
    """What the run may use of this machine."""

    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto",
        title="Device",
        description="Where to compute; auto takes a GPU if there is one.",
        json_schema_extra=ADVANCED,
    )
    devices: Whole = Field(
        default=1,
        ge=1,
        le=64,
        title="Devices",
        description="Processes that train together, each with batches of its own and on a GPU of its own if there are.",
        json_schema_extra=ADVANCED,
    )
    threads: Whole = Field(
        default=1,
        ge=1,
        le=256,
        title="Threads",
        description="CPU threads; one a run and several runs is the fastest mix.",
        json_schema_extra=ADVANCED,
    )
    memory_limit_gb: Real | None = Field(
        default=None,
        gt=0,
        le=4096,
        title="Memory limit",
        description="Gigabytes of memory on a CPU; empty for the server's limit.",
        json_schema_extra=ADVANCED,
    )
    gradient_checkpointing: bool = Field(
        default=False,
        title="Gradient checkpointing",
        description="Compute a transformer's layers twice instead of keeping them: less memory, a third slower.",
        json_schema_extra=ADVANCED,
    )
