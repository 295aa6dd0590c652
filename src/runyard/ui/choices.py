"""What a page is about: the workspace, the agent and the benchmark that were chosen, kept in the address."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
import streamlit as st


@dataclass(frozen=True)
class Choice:
    """What was chosen; None is all of them, or that there is none."""

    workspace: str | None
    agent: str | None
    benchmark: str | None


def choose(choices: pl.DataFrame, *, every_agent: bool = False) -> Choice:
    """Ask for workspace, agent and benchmark out of those that go together.

    Args:
        choices: columns workspace, agent, benchmark, in the order of offering.
        every_agent: all agents may be shown together, which then is the default.
    """
    places = st.columns([2, 2, 2], vertical_alignment="bottom")
    workspace = _pick(places[0], "Workspace", choices, "All workspaces")
    if workspace is not None:
        choices = choices.filter(pl.col("workspace") == workspace)
    agent = _pick(places[1], "Agent", choices, "All agents" if every_agent else None)
    if agent is not None:
        choices = choices.filter(pl.col("agent") == agent)
    benchmark = _pick(places[2], "Benchmark", choices, None, help="Scores of different benchmarks are never compared")
    return Choice(workspace, agent, benchmark)


def _pick(place: st.delta_generator.DeltaGenerator, name: str, choices: pl.DataFrame, every: str | None,
          help: str | None = None) -> str | None:  # fmt: skip
    """Offer the values of a column; with a word for all of them, none need be picked."""
    key = name.lower()
    values = choices[key].drop_nulls().unique(maintain_order=True).to_list()
    picked: str | None = place.selectbox(
        name,
        values,
        index=None if every or not values else 0,
        placeholder=every or "none yet",
        key=key,
        bind="query-params",
        help=help,
        disabled=not values,
    )
    return picked
