"""The models that a run can train. Each is built once, in `train/`."""

from typing import Annotated, Literal

from pydantic import Field

from runyard.config.estimators import Ensemble, GradientBoosting, LogisticRegression, RandomForest, Svm
from runyard.config.part import ADVANCED, BASIC, Part, Real, Whole

Width = Annotated[Whole, Field(ge=1, le=4096)]
BaseModelName = Annotated[str, Field(min_length=1, max_length=1024)]


class Lora(Part):
    """Low-rank adapters beside the frozen weights of a transformer."""

    rank: Whole = Field(
        default=8, ge=1, le=256, title="Rank", description="Rank of the adapters.", json_schema_extra=BASIC
    )
    alpha: Whole = Field(
        default=16,
        ge=1,
        le=1024,
        title="Alpha",
        description="Adapters are scaled by alpha / rank.",
        json_schema_extra=ADVANCED,
    )
    dropout: Real = Field(
        default=0.0,
        ge=0,
        lt=1,
        title="Adapter dropout",
        description="Dropout before the adapters.",
        json_schema_extra=ADVANCED,
    )
    targets: tuple[str, ...] = Field(
        default=(),
        title="Layers",
        description="Names of the layers to adapt; empty for the usual ones of the architecture.",
        json_schema_extra=ADVANCED,
    )


class TextEncoder(Part):
    """A pretrained transformer encoder with mean pooling and a linear head."""

    model_type: Literal["text_encoder"] = Field(
        default="text_encoder", title="Model", description="Transformer encoder."
    )
    base_model: BaseModelName = Field(
        default="all-MiniLM-L6-v2",
        title="Base model",
        description="Name of a model folder in the yard, or the path of one.",
        json_schema_extra=BASIC,
    )
    lora: Lora = Field(
        default_factory=Lora,
        title="LoRA",
        description="The adapters; used by method lora alone.",
        json_schema_extra=ADVANCED,
    )


class CausalLm(Part):
    """A pretrained transformer that continues texts: it learns to give the answers, not the questions."""

    model_type: Literal["causal_lm"] = Field(default="causal_lm", title="Model", description="Causal language model.")
    base_model: BaseModelName = Field(
        default="SmolLM2-135M-Instruct",
        title="Base model",
        description="Name of a model folder in the yard, or the path of one.",
        json_schema_extra=BASIC,
    )
    lora: Lora = Field(
        default_factory=Lora,
        title="LoRA",
        description="The adapters; used by method lora alone.",
        json_schema_extra=ADVANCED,
    )
    adapter: Literal["merged", "adapter"] = Field(
        default="merged",
        title="Save as",
        description="LoRA merged into the whole model, or the adapter alone, which needs the base model beside it.",
        json_schema_extra=ADVANCED,
    )


class Cnn1d(Part):
    """Convolutions over time, mean pooling and a linear head: a small net for series."""

    model_type: Literal["cnn1d"] = Field(default="cnn1d", title="Model", description="1-D convolutional network.")
    channels: tuple[Width, ...] = Field(
        default=(32, 64, 64),
        min_length=1,
        max_length=12,
        title="Channels",
        description="Filters of each convolution.",
        json_schema_extra=BASIC,
    )
    kernel_size: Whole = Field(
        default=5,
        ge=1,
        le=255,
        title="Kernel size",
        description="Time steps that a filter sees at once.",
        json_schema_extra=ADVANCED,
    )


class Mlp(Part):
    """Fully connected layers over the whole window at once: for tables, and series whose steps have a place."""

    model_type: Literal["mlp"] = Field(default="mlp", title="Model", description="Multilayer perceptron.")
    widths: tuple[Width, ...] = Field(
        default=(128, 64),
        min_length=1,
        max_length=12,
        title="Widths",
        description="Units of each hidden layer.",
        json_schema_extra=BASIC,
    )


class Lstm(Part):
    """A recurrent net over time; its last state goes to a linear head."""

    model_type: Literal["lstm"] = Field(default="lstm", title="Model", description="Long short-term memory network.")
    hidden: Width = Field(
        default=64,
        title="Hidden units",
        description="Units of each layer and direction.",
        json_schema_extra=BASIC,
    )
    depth: Whole = Field(
        default=1,
        ge=1,
        le=8,
        title="Layers",
        description="Recurrent layers on top of each other.",
        json_schema_extra=BASIC,
    )
    bidirectional: bool = Field(
        default=False,
        title="Both directions",
        description="Read the series forwards and backwards.",
        json_schema_extra=ADVANCED,
    )


class TfidfLogreg(Part):
    """TF-IDF of words and pairs of words with logistic regression: the baseline without a network."""

    model_type: Literal["tfidf_logreg"] = Field(default="tfidf_logreg", title="Model", description="TF-IDF baseline.")
    max_features: Whole = Field(
        default=20_000,
        ge=10,
        le=1_000_000,
        title="Vocabulary",
        description="Largest number of terms.",
        json_schema_extra=ADVANCED,
    )
    ngram_max: Whole = Field(
        default=2,
        ge=1,
        le=3,
        title="Longest term",
        description="Words in the longest term.",
        json_schema_extra=ADVANCED,
    )
    inverse_regularization: Real = Field(
        default=1.0,
        gt=0,
        le=1e6,
        title="C",
        description="Inverse strength of the regularisation.",
        json_schema_extra=ADVANCED,
    )


class EncoderLogreg(Part):
    """Mean-pooled features of a frozen encoder with logistic regression: the baseline without training it."""

    model_type: Literal["encoder_logreg"] = Field(
        default="encoder_logreg", title="Model", description="Frozen encoder baseline."
    )
    base_model: BaseModelName = Field(
        default="all-MiniLM-L6-v2",
        title="Base model",
        description="Name of a model folder in the yard, or the path of one.",
        json_schema_extra=BASIC,
    )
    inverse_regularization: Real = Field(
        default=1.0,
        gt=0,
        le=1e6,
        title="C",
        description="Inverse strength of the regularisation.",
        json_schema_extra=ADVANCED,
    )


class Majority(Part):
    """Always the most frequent class of the training examples, each class as likely as it was there: knows no input."""

    model_type: Literal["majority"] = Field(default="majority", title="Model", description="Majority-class baseline.")


SERIES_NETS = (Cnn1d, Mlp, Lstm)
Model = Annotated[
    TextEncoder
    | CausalLm
    | Cnn1d
    | Mlp
    | Lstm
    | TfidfLogreg
    | EncoderLogreg
    | Majority
    | RandomForest
    | GradientBoosting
    | Svm
    | LogisticRegression
    | Ensemble,
    Field(discriminator="model_type"),
]
