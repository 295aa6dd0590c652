"""How long a training will take and how much memory, before it starts: from runs like it, else from arithmetic."""

from dataclasses import dataclass
from statistics import median

from runyard.config.models import EncoderLogreg, TfidfLogreg
from runyard.config.run import RunConfig
from runyard.data.facts import DataFacts
from runyard.presets.machine import CPU_ONLY, Machine, tier_of, used_for
from runyard.presets.memory import Memory, memory_of, net_parameters
from runyard.presets.model_facts import ModelFacts

# Useful floating-point operations a second: of one CPU thread measured with MiniLM, of a GPU a cautious guess.
_CPU_FLOPS, _GPU_FLOPS = 40e9, 15e12
_BFLOAT16_GAIN = 1.25
_OVERHEAD_SECONDS = (4.0, 8.0, 25.0)  # imports, loading, saving, the benchmark: least, usual, most
_BY_ARITHMETIC, _BY_ONE_RUN, _BY_RUNS = 4.0, 2.0, 1.3  # by how much a guess may be off, either way
_ENOUGH_RUNS = 3
_CHARACTERS_A_TOKEN = 4.0


@dataclass(frozen=True)
class Pace:
    """How fast one earlier run like this one was: units (tokens, or examples) a second in its epochs, and the rest."""

    units_per_second: float
    overhead_seconds: float


@dataclass(frozen=True)
class Estimate:
    """What a run will take: GB (1e9 bytes) and seconds, each with the range it will lie in in most cases.

    The seconds are None where the size of the data is not known. `basis` says what they follow from.
    """

    memory: Memory
    seconds: float | None
    seconds_low: float | None
    seconds_high: float | None
    basis: str
    runs: int


def estimate(
    config: RunConfig, machine: Machine, model: ModelFacts | None, data: DataFacts | None, paces: list[Pace]
) -> Estimate:
    """Return what a run will take on this machine.

    Args:
        paces: of earlier runs of the same model and method on the same device, the newest first.
    """
    on_gpu = tier_of(used_for(config.resources.device, machine)) is not CPU_ONLY
    memory = memory_of(config, model, data, on_gpu=on_gpu)
    units = work(config, model, data)
    if units is None:
        return Estimate(memory, None, None, None, "the size of the data is not known", 0)
    if paces:
        rates = sorted(pace.units_per_second for pace in paces)
        usual = units / median(rates) + median(pace.overhead_seconds for pace in paces)
        wide = _BY_RUNS if len(rates) >= _ENOUGH_RUNS else _BY_ONE_RUN
        rest = sorted(pace.overhead_seconds for pace in paces)
        low, high = (units / rates[-1] + rest[0]) / wide, (units / rates[0] + rest[-1]) * wide
        runs = f"{len(rates)} earlier run{'' if len(rates) == 1 else 's'} of this model and method here"
        return Estimate(memory, usual, low, high, runs, len(rates))
    rate = _rate(config, model, data, on_gpu=on_gpu)
    least, usual_rest, most = _OVERHEAD_SECONDS
    seconds = units / rate
    return Estimate(
        memory,
        seconds + usual_rest,
        seconds / _BY_ARITHMETIC + least,
        seconds * _BY_ARITHMETIC + most,
        "arithmetic alone: no run like it has been here yet",
        0,
    )


def work(config: RunConfig, model: ModelFacts | None, data: DataFacts | None) -> float | None:
    """Return how many units a run works through in its epochs: tokens of texts, windows of series; None if unknown."""
    if data is None or data.examples is None:
        return None
    given = config.training_data
    examples = min(data.examples, given.max_examples or data.examples)
    examples = max(1, round(examples * (1 - given.validation_split)))
    if isinstance(config.model, TfidfLogreg | EncoderLogreg):
        return float(examples)
    epochs = config.hyperparameters.epochs
    if model is None:
        steps = data.steps or 1
        windows = 1 if steps <= given.window else 1 + (steps - given.window) // given.stride
        return float(examples * windows * epochs)
    length = min(config.hyperparameters.max_length, (data.characters or 400.0) / _CHARACTERS_A_TOKEN + 2)
    return examples * length * epochs


def _rate(config: RunConfig, model: ModelFacts | None, data: DataFacts | None, *, on_gpu: bool) -> float:
    """Return units a second by counting operations: 6 for each weight and token, 4 where most weights stay frozen."""
    speed = _GPU_FLOPS if on_gpu else _CPU_FLOPS
    if config.optimization.mixed_precision:
        speed *= _BFLOAT16_GAIN
    if isinstance(config.model, TfidfLogreg):
        return 2000.0
    if model is None:
        window = config.training_data.window
        steps, channels = min(window, (data and data.steps) or window), (data and data.channels) or 1
        parameters = net_parameters(config, steps=steps, channels=channels)
        each = 1 if config.model.model_type == "mlp" else steps
        return 0.1 * speed / max(6.0 * parameters * each, 1e5)  # small matrices: a tenth of what large ones reach
    inner = max(model.parameters - model.vocabulary * model.hidden_size, model.parameters // 10)
    if model.kind == "causal_lm":
        inner += model.vocabulary * model.hidden_size  # every token is weighed against the whole vocabulary
    operations = {"full": 6.0, "lora": 4.5}.get(config.method, 2.0)
    if config.resources.gradient_checkpointing:
        operations += 2.0
    if config.method == "frozen":
        speed *= config.hyperparameters.epochs  # features are made once
    return speed / (operations * inner)
