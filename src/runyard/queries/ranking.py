"""The ranking of a comparison: the rows of its models with place, interval and what cannot be told from the best."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import polars as pl

from runyard.config.comparison import SEEDLESS
from runyard.stats.ranking import Entry, rank

FEW_SEEDS = 5
SHARES = ("accuracy", "f1_macro")


def ranked(models: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the models of one comparison in order, each with its place, mean, interval, method, p and ties.

    Args:
        models: rows of the view comparison_models.
    """
    rows = {str(row["model"]): row for row in models.to_dicts()}
    if not rows:
        return []
    first = next(iter(rows.values()))
    entries = [
        Entry(
            key,
            row["results"] or (),
            examples=row["validation_size"] if row["metric"] == "accuracy" else None,
            is_fixed=row["model_type"] in SEEDLESS and row["runs"] == 1,
        )
        for key, row in rows.items()
    ]
    found = []
    for place in rank(entries, higher_is_better=bool(first["higher_is_better"])):
        verdict = asdict(place)
        if first["metric"] in SHARES and place.low is not None and place.high is not None:
            verdict |= {"low": max(0.0, place.low), "high": min(1.0, place.high)}
        found.append({**rows[place.name], **verdict, "seeds": verdict.pop("runs"), "runs": rows[place.name]["runs"]})
    return found


def summary(rows: list[dict[str, Any]]) -> str:
    """Say in words what a ranking means: the best, its ties, the baselines, and what the intervals are over."""
    done = [row for row in rows if row["mean"] is not None]
    if not done:
        return "No model is through yet."
    best, metric = done[0], done[0]["metric"]
    ties = [row["model_name"] for row in done[1:] if row["ties"]]
    said = f"{best['model_name']} is the best by {metric} ({best['mean']:.4g})"
    said += f", indistinguishable from {_listed(ties)}." if ties else "."
    said += _untested(best, [row for row in done[1:] if row["ties"] is None])
    baselines = [row for row in done if row["is_baseline"]]
    if best["is_baseline"]:
        said += " It is a baseline: no model beats it."
    elif tied := [row["model_name"] for row in baselines if row["ties"]]:
        said += f" It does not beat {_listed(tied)} beyond chance."
    methods = {row["method"] for row in done}
    seeds = max(row["seeds"] for row in done)
    if "seeds" in methods:
        said += f" Intervals of 95 % over {seeds} seeds (Student's t), ties by Welch and Holm."
        said += " So few seeds tell large differences only." if seeds < FEW_SEEDS else ""
        if any(row["method"] == "examples" and _is_constant(row) for row in done):
            said += " Where every seed gave the same, they are over the held-out examples (Wilson)."
    elif "examples" in methods:
        why = "one seed each, so that chance between seeds is not in them" if seeds == 1 else "every seed gave the same"
        said += f" Intervals of 95 % over {best['validation_size']} held-out examples (Wilson); {why}."
    return said


def _untested(best: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """Say why nothing is known of some models against the best: one run each, or the same result whatever the seed."""
    said, constant = "", [row for row in rows if _is_constant(row) or _is_constant(best)]
    if len(constant) < len(rows):
        said += " Where there is one run each, no interval tells chance from skill: repeat with --seeds."
    if constant:
        said += " Where every seed gave the same, nothing tells chance from skill: other examples would."
    return said


def _is_constant(row: dict[str, Any]) -> bool:
    return row["seeds"] > 1 and len(set(row["results"])) == 1


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
