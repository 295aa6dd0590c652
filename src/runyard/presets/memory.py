"""How much memory a training will take, reckoned from the shape of its model before anything is loaded."""

from dataclasses import dataclass
from itertools import pairwise

from runyard.config.models import Cnn1d, EncoderLogreg, Lora, Lstm, Mlp, TfidfLogreg
from runyard.config.run import RunConfig
from runyard.data.facts import DataFacts
from runyard.presets.model_facts import ModelFacts

# Resident memory of a runner that has imported what it needs and loaded nothing yet, in GB; measured on Linux.
_PROCESS_GB = {"transformer": 0.62, "net": 0.35, "baseline": 0.30}
_CUDA_CONTEXT_GB = 0.6
_LOADED_BYTES = 8  # of a weight in main memory: itself, and the file that stays mapped beside it
# Bytes of optimizer state for each weight that is trained, in float32.
_STATE_BYTES = {"sgd": 4, "rmsprop": 4, "adagrad": 4, "muon": 4, "lion": 4, "adafactor": 1}
_MOST_STATE_BYTES = 8  # Adam and its kin: two moments
# Korthikanti et al. 2022: 34 bytes a token, layer and unit in 16 bits. What a training holds at its peak is more than
# twice that in float32, and hardly less in bfloat16 (measured on MiniLM and GPT-2): temporaries of the backward pass.
_ACTIVATION_BYTES = {False: 4.7 * 34, True: 4.3 * 34}
_KEPT_BYTES = {False: 4, True: 4}  # of a checkpointed layer: its input
_LOGIT_BYTES = 12  # logits, their copy in float32, their gradient
RANGE = (0.75, 1.35)


@dataclass(frozen=True)
class Memory:
    """The peak of a training in GB (1e9 bytes) and its parts; low and high are where it will lie in most cases."""

    process: float
    weights: float
    gradients: float
    optimizer: float
    activations: float

    @property
    def total(self) -> float:
        return self.process + self.weights + self.gradients + self.optimizer + self.activations

    @property
    def low(self) -> float:
        return 0.85 * self.process + RANGE[0] * (self.total - self.process)

    @property
    def high(self) -> float:
        return 1.1 * self.process + RANGE[1] * (self.total - self.process)


def memory_of(
    config: RunConfig, model: ModelFacts | None, data: DataFacts | None = None, *, on_gpu: bool = False
) -> Memory:
    """Return what a training takes at its peak: on the GPU, or in main memory.

    Args:
        model: the base model; None for a net, whose shape follows from the config and the data.
    """
    loaded = min(data.size_gb * 4, 8.0) if data else 0.0
    if isinstance(config.model, TfidfLogreg | EncoderLogreg) and model is None:
        return Memory(_PROCESS_GB["baseline"] + loaded, 0.0, 0.0, 0.0, 0.05)
    if model is None:
        return _of_net(config, data, loaded, on_gpu)
    process = _CUDA_CONTEXT_GB if on_gpu else _PROCESS_GB["transformer"] + loaded
    trained = trained_parameters(config, model)
    return Memory(
        process=process,
        weights=(4e-9 if on_gpu else _LOADED_BYTES * 1e-9) * model.parameters,
        gradients=4e-9 * trained,
        optimizer=1e-9 * _STATE_BYTES.get(config.optimization.optimizer.kind, _MOST_STATE_BYTES) * trained,
        activations=1e-9 * _activations(config, model, data),
    )


def trained_parameters(config: RunConfig, model: ModelFacts) -> int:
    """Return how many weights are trained: all, those of the adapters, or those of the head alone."""
    if isinstance(config.model, EncoderLogreg) or config.method == "frozen":
        return 2 * model.hidden_size
    if config.method == "lora":
        lora = getattr(config.model, "lora", None) or Lora()
        # Two layers of a block are adapted unless they are named; each gets two matrices between width and rank.
        return model.layers * max(2, len(lora.targets)) * 2 * model.hidden_size * lora.rank
    return model.parameters


def net_parameters(config: RunConfig, *, steps: int, channels: int, classes: int = 10) -> int:
    """Return the number of weights of a net for series, from its own arithmetic."""
    part = config.model
    if isinstance(part, Cnn1d):
        widths = (channels, *part.channels)
        return sum(a * b * part.kernel_size + 3 * b for a, b in pairwise(widths)) + (widths[-1] * classes + classes)
    if isinstance(part, Mlp):
        widths = (steps * channels, *part.widths, classes)
        return sum(a * b + b for a, b in pairwise(widths))
    if isinstance(part, Lstm):
        directions = 2 if part.bidirectional else 1
        inputs = (channels, *[directions * part.hidden] * (part.depth - 1))
        gates = sum(directions * 4 * part.hidden * (width + part.hidden + 2) for width in inputs)
        return gates + directions * part.hidden * classes + classes
    return 0


def tokens_at_once(config: RunConfig, data: DataFacts | None) -> float:
    """Return the tokens of the longest batch: texts are cut at max_length, short ones are not padded to it."""
    length: float = config.hyperparameters.max_length
    if data is not None and data.characters:
        # Three characters a token and twice the mean: cautious for the longest texts of a batch.
        length = min(length, 2 * data.characters / 3 + 2)
    return config.hyperparameters.batch_size * length


def _activations(config: RunConfig, model: ModelFacts, data: DataFacts | None) -> float:
    tokens = tokens_at_once(config, data)
    low = config.optimization.mixed_precision
    layer = _ACTIVATION_BYTES[low] * tokens * model.hidden_size
    logits = _LOGIT_BYTES * tokens * model.vocabulary if model.kind == "causal_lm" else 0.0
    if config.method == "frozen":
        return layer + logits  # features only: no layer is kept
    if config.resources.gradient_checkpointing:
        return layer + model.layers * _KEPT_BYTES[low] * tokens * model.hidden_size + logits
    return model.layers * layer + logits


def _of_net(config: RunConfig, data: DataFacts | None, loaded: float, on_gpu: bool) -> Memory:
    window = config.training_data.window
    steps = min(window, (data and data.steps) or window)
    channels = (data and data.channels) or 1
    parameters = net_parameters(config, steps=steps, channels=channels)
    part = config.model
    widths = list(getattr(part, "channels", ())) or [getattr(part, "hidden", 0) * 8 * getattr(part, "depth", 1)]
    units = sum(getattr(part, "widths", ())) if isinstance(part, Mlp) else steps * sum(widths)
    # Each unit is kept before and after its activation, and its gradient once more.
    activations = 12e-9 * config.hyperparameters.batch_size * (units + steps * channels)
    return Memory(
        process=_CUDA_CONTEXT_GB if on_gpu else _PROCESS_GB["net"] + loaded,
        weights=4e-9 * parameters,
        gradients=4e-9 * parameters,
        optimizer=1e-9 * _STATE_BYTES.get(config.optimization.optimizer.kind, _MOST_STATE_BYTES) * parameters,
        activations=activations,
    )
