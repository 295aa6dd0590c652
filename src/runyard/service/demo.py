"""The demo: which runs it is made of, whether its data is there, and launching it.

Nothing is downloaded here; `python -m runyard.demodata` (called by `make run`) fills the cache at set-up time.
"""

from __future__ import annotations

from importlib.resources import files
from uuid import UUID

from runyard.config.run import RunConfig, load_run_config
from runyard.demodata import packages
from runyard.demodata.fetch import make_stand_in
from runyard.demodata.place import Assets, look, place
from runyard.runtime import Runtime
from runyard.service.launch import launch


def assets(rt: Runtime) -> Assets:
    """Return what of the demo this yard has; pages show its `note` where it is not empty."""
    return look(rt.yard)


def prepare(rt: Runtime) -> Assets:
    """Put what the cache has into the yard; where reviews are missing, stand-in texts are made.

    Raises:
        Unavailable: the stand-in texts could not be made.
        OSError: the yard or the cache is not writable, or the disk is full.
    """
    cache = packages.cache_folder()
    placed = place(cache, rt.yard)
    if placed.reviews:
        return placed
    make_stand_in(cache)
    return place(cache, rt.yard)


def plan(rt: Runtime) -> list[RunConfig]:
    """Return the configs of the demo in the order of launching: the longest curve first, a language model last."""
    there = look(rt.yard)
    names = ["watch-cnn" if there.watch else "digits-cnn"]
    if there.reviews and there.model:
        names += ["reviews-lora", "reviews-encoder"]
    names.append("reviews-tfidf" if there.reviews else "descriptions-tfidf")
    if there.chats:
        names.append("chat-lora")
    return [load_run_config(text_of(name)) for name in names]


def launch_demo(rt: Runtime, *, launched_by: str = "demo") -> list[UUID]:
    """Prepare the data, queue every run of the plan and return their ids.

    Raises:
        RunyardError: as `launch`; what was queued before stays queued.
    """
    prepare(rt)
    return [launch(rt, config, launched_by=launched_by) for config in plan(rt)]


def launch_demo_if_empty(rt: Runtime, *, launched_by: str = "demo") -> list[UUID]:
    """Launch the demo in a yard that has never seen a run; elsewhere do nothing and return no ids."""
    if any(rt.yard.runs.glob("*")) or any(rt.yard.events.glob("*.jsonl*")):
        return []
    return launch_demo(rt, launched_by=launched_by)


def text_of(name: str) -> str:
    """Return the YAML of one of the demo's configurations."""
    return (files("runyard.config") / "demo" / f"{name}.yaml").read_text("utf-8")
