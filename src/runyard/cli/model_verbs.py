"""`benchmark`, `evaluate`, `predict`: saved models on examples."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runyard.cli.output import Format, FormatOption, say, write_rows
from runyard.cli.session import opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runyard.service.models import Judged

ModelArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="A run as in `show`, or AGENT@VERSION, or AGENT@latest.")
]
DataArgument = Annotated[
    Path, typer.Argument(metavar="DATA", help="CSV, JSONL, Parquet, NPZ, NPY, or a folder of texts.")
]
_SCORES = (
    "benchmark_name",
    "metric",
    "accuracy_score",
    "higher_is_better",
    "n_examples",
    "speed_score",
    "efficiency_score",
)
_SHOWN_OF_PREDICTIONS = ("row", "prompt", "prediction", "probability")


class PredictionFormat(StrEnum):
    """How predictions are written."""

    jsonl = "jsonl"
    csv = "csv"


def add_to(app: typer.Typer) -> None:
    """Register the verbs of this module."""
    app.command()(benchmark)
    app.command()(evaluate)
    app.command()(predict)


def benchmark(
    context: typer.Context,
    model: ModelArgument,
    data: Annotated[
        Path | None, typer.Option("--data", "--suite", metavar="FILE", help="Other examples, with labels.")
    ] = None,
    layout: FormatOption = Format.table,
) -> None:
    """Judge a saved model again and record its scores.

    Without --data the examples are those that its training held out, as right after the training. Each score becomes
    a row of benchmark_executions; scores of equal benchmark names are of equal examples. The speed is examples a
    second, the efficiency examples a second of CPU time, on this machine's CPU.
    """
    from runyard.service import models

    with opened(context) as rt:
        _show(models.judge(rt, model, data), layout)


def evaluate(
    context: typer.Context, model: ModelArgument, data: DataArgument, layout: FormatOption = Format.table
) -> None:
    """Judge a saved model on labelled examples of your own.

    The columns of DATA are called as those the model was trained on. The scores are printed, and recorded as a
    benchmark of the model's version. A label that the model does not know counts as a miss.
    """
    from runyard.service import models

    with opened(context) as rt:
        _show(models.judge(rt, model, data), layout)


def predict(
    context: typer.Context,
    model: ModelArgument,
    data: DataArgument,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write there, not to stdout.")] = None,
    layout: Annotated[
        PredictionFormat | None, typer.Option("--format", "-f", help="By the ending of --out if not given, else jsonl.")
    ] = None,
) -> None:
    """Let a saved model classify new texts, rows or series, or answer prompts.

    DATA needs no labels. A line of JSON for each example has its row, its class and the probability of every class;
    csv has the first three columns alone. Long series are cut into windows, whose probabilities are averaged. A
    language model answers the last question of each example: row, prompt, prediction.
    """
    from runyard.service import models

    if layout is None:
        layout = PredictionFormat.csv if out and out.suffix.lower() == ".csv" else PredictionFormat.jsonl
    with opened(context) as rt:
        rows = models.predict(rt, model, data)
    if out is None:
        sys.stdout.write(_text(rows, layout))
    else:
        out.write_text(_text(rows, layout), encoding="utf-8")
        say(f"{len(rows)} predictions in {out}.")


def _show(judged: Judged, layout: Format) -> None:
    saved = judged.saved
    about = {"agent_id": saved.agent, "version": saved.version, "run_id": saved.run_id}
    columns = (*about, "id", *_SCORES)
    write_rows([about | row for row in judged.rows], columns, layout, shown=_SCORES)
    of = f"{saved.agent}@{saved.version}" if saved.version else f"Run {saved.run_id}"
    if judged.recorded:
        say(f"Recorded for {of}.")
    else:
        say(f"{of} is part of another run and no version of its agent: nothing was recorded.")


def _text(rows: Sequence[dict[str, Any]], layout: PredictionFormat) -> str:
    import csv
    import json
    from io import StringIO

    if layout is PredictionFormat.jsonl:
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    text = StringIO()
    columns = [name for name in _SHOWN_OF_PREDICTIONS if any(name in row for row in rows)]
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
