"""The look before the start: are model, data, hardware and preset what a run needs? Each failure has its remedy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from runyard.config.run import RunConfig
from runyard.core.errors import Invalid, RunyardError
from runyard.data.checks import check_data
from runyard.data.sources import find_model, find_source
from runyard.presets.estimate import Estimate
from runyard.presets.machine import CPU_ONLY, Machine, budget_gb, tier_of, used_for
from runyard.presets.matching import mismatches
from runyard.presets.preset import Preset
from runyard.runtime import Runtime
from runyard.service.estimates import Known, estimate_of, known_of
from runyard.service.machine import free_memory_gb, this_machine
from runyard.service.presets import all_presets

_CHECKPOINT_BYTES = 12  # weights and two moments, at most


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: its state is ok, warning or failed; a remedy where there is one to offer."""

    name: str
    state: str
    message: str
    remedy: str = ""


def preflight(
    rt: Runtime,
    config: RunConfig,
    *,
    preset: Preset | None = None,
    known: Known | None = None,
    machine: Machine | None = None,
    found: Estimate | None = None,
) -> list[Check]:
    """Look at everything that a run needs; nothing is loaded, and nothing is started."""
    machine, known = machine or this_machine(rt), known or known_of(rt, config)
    found = found or estimate_of(rt, config, machine=machine, known=known)
    used = used_for(config.resources.device, machine)
    return [
        *_training(rt),
        *_model(rt, config, known),
        *_data(rt, config),
        *_together(rt, config, preset, known),
        *_device(config, machine),
        *_memory(found, used),
        *_disk(config, known, machine),
        *_preset(preset, used),
    ]


def is_ready(checks: list[Check]) -> bool:
    """Whether nothing failed; warnings are for people to weigh."""
    return all(check.state != "failed" for check in checks)


def _training(rt: Runtime) -> Iterator[Check]:
    if not rt.settings.enabled:
        yield Check("Training", "failed", "Training is switched off here.", "Unset RUNYARD_ENABLED to allow it.")


def _model(rt: Runtime, config: RunConfig, known: Known) -> Iterator[Check]:
    base_model = getattr(config.model, "base_model", None)
    if base_model is None:
        yield Check("Model", "ok", f"A {config.model.model_type} is made from nothing: there is no file to look at.")
        return
    try:
        find_model(base_model, rt.yard)
    except RunyardError as error:
        yield _failed("Model", error)
        return
    model, length = known.model, config.hyperparameters.max_length
    if model is None:
        yield Check("Model", "warning", f"{base_model} is there, but its shape could not be read.")
    elif length > model.max_length:
        message = f"{model.name} reads {model.max_length} tokens at most; {length} are asked for."
        yield Check("Model", "failed", message, f"Set hyperparameters.max_length to {model.max_length} or less.")
    else:
        millions = model.parameters / 1e6
        size = f"{millions:,.0f} million weights" if millions >= 1 else f"{model.parameters:,} weights"
        yield Check("Model", "ok", f"{model.name} ({model.architecture}, {size}) is whole.")


def _data(rt: Runtime, config: RunConfig) -> Iterator[Check]:
    try:
        find_source(config.training_data, rt.yard)
        if _model_is_there(rt, config):
            check_data(config, rt.yard)
    except RunyardError as error:
        yield _failed("Data", error)
        return
    name = config.training_data.source or config.training_data.path
    yield Check("Data", "ok", f"{name} is there and can be read.")


def _model_is_there(rt: Runtime, config: RunConfig) -> bool:
    base_model = getattr(config.model, "base_model", None)
    try:
        return base_model is None or find_model(base_model, rt.yard).is_dir()
    except RunyardError:  # said of the model already
        return False


def _together(rt: Runtime, config: RunConfig, preset: Preset | None, known: Known) -> Iterator[Check]:
    kind: str | None = config.model.model_type
    found = list(mismatches(preset, kind, known.model, known.data, presets=all_presets(rt)))
    for mismatch in found:
        yield Check("Together", "failed", mismatch.message, mismatch.remedy)
    if known.model is not None and known.model.kind not in (kind, None) and kind != "encoder_logreg":
        message = f"{known.model.name} is a {known.model.kind}; this run treats it as a {kind}."
        yield Check("Together", "warning", message, f"Set model.model_type to {known.model.kind}.")
    elif not found and known.data is not None:
        yield Check("Together", "ok", "Model, data and method go together.")


def _device(config: RunConfig, machine: Machine) -> Iterator[Check]:
    if config.resources.device == "cuda" and not machine.has_gpu:
        message = "resources.device is cuda, and this machine has no GPU that runs may use."
        yield Check("Device", "failed", message, "Set resources.device to auto or cpu.")


def _memory(found: Estimate, machine: Machine) -> Iterator[Check]:
    budget, memory = budget_gb(machine), found.memory
    where = "main memory" if tier_of(machine) is CPU_ONLY else f"the memory of the {machine.gpu}"
    need = (
        f"About {memory.total:.1f} GB of {where} ({memory.low:.1f} to {memory.high:.1f}); {budget:.1f} GB may be taken."
    )
    if memory.total > budget:
        yield Check(
            "Memory", "failed", need, "Smaller batches with more accumulation, shorter texts, LoRA, or a smaller model."
        )
        return
    if tier_of(machine) is CPU_ONLY and memory.total > (free := free_memory_gb()):
        yield Check(
            "Memory",
            "warning",
            f"{need} Just now {free:.1f} GB are free.",
            "End other programs, or wait for a run to end.",
        )
    elif memory.high > budget:
        yield Check("Memory", "warning", f"{need} It may be close.", "Halve the batch and double the accumulation.")
    else:
        yield Check("Memory", "ok", need)


def _disk(config: RunConfig, known: Known, machine: Machine) -> Iterator[Check]:
    if machine.disk_free_gb is None or known.model is None:
        return
    copies = config.optimization.keep_checkpoints + 2  # the best one and the saved model
    copies += config.optimization.checkpoint_frequency > 0  # the last end of an epoch
    trained = known.model.parameters if config.method == "full" else known.model.parameters / 3
    need = copies * _CHECKPOINT_BYTES * trained / 1e9
    message = f"Up to {need:.1f} GB for checkpoints and the model; {machine.disk_free_gb:.0f} GB are free."
    if need > machine.disk_free_gb:
        yield Check(
            "Disk", "failed", message, "Free some space (runyard gc), or set optimization.keep_checkpoints to 1."
        )
    else:
        yield Check("Disk", "ok", message)


def _preset(preset: Preset | None, machine: Machine) -> Iterator[Check]:
    if preset is None:
        return
    needs, has = preset.memory_requirements_gb, budget_gb(machine)
    slow = preset.hardware.gpu == "recommended" and tier_of(machine) is CPU_ONLY
    if needs is not None and needs > has:
        message = f"{preset.title} asks for {needs:g} GB; {has:.1f} GB may be taken here."
        yield Check("Preset", "warning", message, "With a small model it may fit all the same: see Memory.")
    elif slow:
        yield Check(
            "Preset", "warning", f"{preset.title} is meant for a GPU. {preset.hardware.note}", "Try Quick test first."
        )
    else:
        yield Check("Preset", "ok", f"This machine is enough for {preset.title}.")


def _failed(name: str, error: RunyardError) -> Check:
    problems = "; ".join(str(p) for p in error.problems) if isinstance(error, Invalid) else ""
    message = f"{error.message} {problems}".strip() if problems and problems not in error.message else error.message
    return Check(name, "failed", message, error.hint)
