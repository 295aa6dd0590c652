"""Which presets and which models go with a machine and a data set, the best first, and why."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runyard.data.facts import DataFacts
from runyard.presets.fit import Fitted, fit
from runyard.presets.machine import CPU_ONLY, Machine, budget_gb, tier_of
from runyard.presets.matching import LEARNS_FROM
from runyard.presets.model_facts import ModelFacts
from runyard.presets.preset import Preset, to_config

_EASE = {"beginner": 0, "intermediate": 1, "advanced": 2}
_SENSIBLE_ON_CPU = 200_000_000  # weights: with more of them a CPU is not worth the wait


@dataclass(frozen=True)
class Recommended:
    """A preset with its place on this machine: `fits` in full, `changed` where it was made smaller, else too large."""

    preset: Preset
    verdict: str
    why: str


def recommended(presets: Iterable[Preset], machine: Machine) -> list[Recommended]:
    """Return the presets for a machine: those that run as they are, then those made smaller, the easiest first."""
    found = [_judged(preset, machine) for preset in presets]
    order = {"fits": 0, "reduced": 1, "too_large": 2}
    return sorted(
        found,
        key=lambda one: (
            order[one.verdict],
            _EASE[one.preset.difficulty],
            one.preset.memory_requirements_gb or 0.0,
            one.preset.name,
        ),
    )


def _judged(preset: Preset, machine: Machine) -> Recommended:
    needs, has, tier = preset.memory_requirements_gb, budget_gb(machine), tier_of(machine)
    if needs is None:
        return Recommended(preset, "fits", "Made from a run; its estimate shows when a model is chosen.")
    if needs > has:
        why = f"It asks for {needs:g} GB and this machine gives {has:.0f} GB: only small models fit."
        return Recommended(preset, "too_large", why)
    if tier is CPU_ONLY and preset.hardware.gpu == "recommended":
        why = f"It fits into {has:.0f} GB, but without a GPU it is slow: batches of 1–2."
        return Recommended(preset, "reduced", why)
    if tier.batch_size is not None and tier is not CPU_ONLY:
        return Recommended(preset, "reduced", f"On a GPU of {tier.name} it runs with smaller batches.")
    return Recommended(preset, "fits", f"It asks for {needs:g} GB and this machine gives {has:.0f} GB.")


@dataclass(frozen=True)
class Choice:
    """A model with the preset for it, fitted, and why these."""

    model: ModelFacts
    preset: Preset
    fitted: Fitted
    why: str


def choose(models: Sequence[ModelFacts], presets: Sequence[Preset], data: DataFacts, machine: Machine) -> Choice | None:
    """Return the largest model that learns from the data and is sensible on the machine, with its easiest preset.

    Larger models know more, so the largest that fits is taken: on a CPU none above 200 million weights, unless there
    is no smaller one. None where no model goes with the data.
    """
    able = [m for m in models if m.kind is not None and data.task in LEARNS_FROM.get(m.kind, ())]
    if data.task == "classification":
        able = [m for m in able if m.kind == "text_encoder"] or able
    if data.task == "chat":
        able = [m for m in able if m.has_chat_template]
    if tier_of(machine) is CPU_ONLY:
        able = [m for m in able if m.parameters <= _SENSIBLE_ON_CPU] or able[:1]
    for model in sorted(able, key=lambda m: -m.parameters):
        for one in recommended((p for p in presets if model.kind in p.model_types), machine):
            if one.preset.tasks and data.task not in one.preset.tasks:
                continue
            config = to_config(one.preset, model_id=model.name, model=model, dataset_id=data.name)
            fitted = fit(config, machine, model, data)
            if fitted.fits:
                others = f"the largest of {len(able)} models" if len(able) > 1 else "the model of this yard"
                why = (
                    f"{model.name} is {others} to learn from {data.name} on this machine; {one.preset.title} is the "
                    "easiest preset for it."
                )
                return Choice(model, one.preset, fitted, why)
    return None
