"""Which data a run learns from, and how they are split."""

from typing import Annotated, Literal

from pydantic import Field

from runyard.config.part import ADVANCED, BASIC, Part, Real, Whole

Column = Annotated[str, Field(min_length=1, max_length=200)]


class TrainingData(Part):
    """The examples: a known data set of the yard by name, or a file by path."""

    source: str | None = Field(
        default=None,
        max_length=200,
        title="Data set",
        description="Name of a data set of the yard, or sklearn-digits, which comes with scikit-learn.",
        json_schema_extra=BASIC,
    )
    path: str | None = Field(
        default=None,
        max_length=4096,
        title="File",
        description="A CSV, JSONL, Parquet, NPZ or NPY file, or a folder of texts, instead of a data set name.",
        json_schema_extra=BASIC,
    )
    format: Literal["auto", "csv", "jsonl", "parquet", "npz", "npy", "folder"] = Field(
        default="auto",
        title="Format",
        description="How to read the file; auto goes by its ending.",
        json_schema_extra=ADVANCED,
    )
    validation_split: Real = Field(
        default=0.2,
        gt=0,
        lt=1,
        title="Validation share",
        description="Share of the examples (of the groups, if split by group) that is held out.",
        json_schema_extra=BASIC,
    )
    split_by: Literal["random", "stratified", "group", "time", "column"] = Field(
        default="stratified",
        title="Split by",
        description="Random, the same share of each class, whole groups, the newest, or a column that says it.",
        json_schema_extra=BASIC,
    )
    text_column: Column = Field(
        default="text", title="Text column", description="Column with the text.", json_schema_extra=ADVANCED
    )
    template: Literal["auto", "chat", "plain"] = Field(
        default="auto",
        title="Template",
        description="Prompts and answers in the tokenizer's chat template or plainly joined; auto: chat if it has one.",
        json_schema_extra=ADVANCED,
    )
    label_column: Column = Field(
        default="label",
        title="Label column",
        description="Column with the class.",
        json_schema_extra=ADVANCED,
    )
    group_column: Column | None = Field(
        default=None,
        title="Group column",
        description="Column or array of what belongs together (NPZ: subject).",
        json_schema_extra=ADVANCED,
    )
    split_column: Column = Field(
        default="split",
        title="Split column",
        description="Column with train, or validation, val or test.",
        json_schema_extra=ADVANCED,
    )
    time_column: Column | None = Field(
        default=None,
        title="Time column",
        description="Column or array with a number or an ISO date; split by time holds the newest share out.",
        json_schema_extra=ADVANCED,
    )
    feature_columns: tuple[Column, ...] = Field(
        default=(),
        max_length=10_000,
        title="Feature columns",
        description="Columns that a table model learns from; empty for all but label, group, time and split.",
        json_schema_extra=ADVANCED,
    )
    categorical_columns: tuple[Column, ...] = Field(
        default=(),
        max_length=10_000,
        title="Categories",
        description="Feature columns of numbers that are codes, not amounts; words are categories anyway.",
        json_schema_extra=ADVANCED,
    )
    unlabelled: Literal["refuse", "skip"] = Field(
        default="refuse",
        title="Without a label",
        description="Whether rows without a label are an error, or are counted and left out.",
        json_schema_extra=ADVANCED,
    )
    max_examples: Whole | None = Field(
        default=None,
        ge=4,
        title="At most",
        description="A seeded sample of so many rows or series is used; empty for all.",
        json_schema_extra=BASIC,
    )
    window: Whole = Field(
        default=256,
        ge=2,
        le=1_000_000,
        title="Window",
        description="Time steps of a window; series of one length that is not longer are taken whole.",
        json_schema_extra=ADVANCED,
    )
    stride: Whole = Field(
        default=128,
        ge=1,
        le=1_000_000,
        title="Stride",
        description="Time steps from one window to the next.",
        json_schema_extra=ADVANCED,
    )
