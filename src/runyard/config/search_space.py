"""Which settings are worth searching for a kind of model, and between which bounds."""

from dataclasses import dataclass

from runyard.config.estimators import GradientBoosting, LogisticRegression, RandomForest, Svm
from runyard.config.models import Cnn1d, EncoderLogreg, Lstm, Mlp, TfidfLogreg
from runyard.config.run import RunConfig


@dataclass(frozen=True)
class Span:
    """What one setting may be: between two bounds, on a log scale where only its size matters, or one of `choices`."""

    setting: str
    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: tuple[float | int, ...] = ()
    why: str = ""


_RATE_OF_LORA = Span(
    "hyperparameters.learning_rate", 5e-5, 2e-3, log=True, why="adapters start from zero: higher rates"
)
_RATE_OF_ALL = Span("hyperparameters.learning_rate", 1e-6, 1e-4, log=True, why="pretrained weights are soon spoilt")
_RATE_OF_NETS = Span("hyperparameters.learning_rate", 1e-4, 1e-2, log=True, why="the setting that matters most")
_RATE_OF_HEADS = Span("hyperparameters.learning_rate", 1e-4, 1e-1, log=True, why="a head alone is a convex problem")
_DECAY = Span("hyperparameters.weight_decay", 1e-4, 1e-1, log=True, why="holds large weights back")
_DROPOUT = Span("hyperparameters.dropout", 0.0, 0.5, why="against learning by heart")
_BATCH = Span("hyperparameters.batch_size", choices=(8, 16, 32, 64), why="noise of a step against its cost")
_RANK = Span("model.lora.rank", choices=(4, 8, 16, 32), why="what the adapters can express")
_WARMUP = Span("hyperparameters.warmup_steps", choices=(0, 10, 50, 100), why="calms the first steps")
_C = Span("model.inverse_regularization", 1e-3, 1e3, log=True, why="the one setting that matters")
_LEAF = Span("model.min_samples_leaf", choices=(1, 2, 5, 10, 20), why="against learning by heart")
_SHRINKAGE = Span("model.shrinkage", 1e-2, 3e-1, log=True, why="small steps need more rounds")


def suggested_space(config: RunConfig) -> tuple[Span, ...]:
    """Return the settings to search for a config's kind of model and method, the most important first.

    Empty for a kind of which nothing is known.
    """
    match config.model:
        case TfidfLogreg():
            return (_C, Span("model.ngram_max", choices=(1, 2, 3), why="words alone, or short phrases"))
        case EncoderLogreg() | LogisticRegression():
            return (_C,)
        case Svm():
            return (_C, Span("model.gamma", 1e-4, 1e1, log=True, why="how far one example reaches"))
        case RandomForest():
            return (_LEAF, Span("model.max_depth", choices=(4, 8, 16, 32), why="how fine a tree divides"))
        case GradientBoosting():
            return (_SHRINKAGE, Span("model.max_leaves", choices=(7, 15, 31, 63), why="how fine a tree divides"), _LEAF)
        case Cnn1d():
            return (_RATE_OF_NETS, _DROPOUT, _BATCH, _DECAY, Span("model.kernel_size", choices=(3, 5, 7, 9)))
        case Lstm():
            return (_RATE_OF_NETS, Span("model.hidden", choices=(32, 64, 128, 256)), _DROPOUT, _BATCH)
        case Mlp():
            return (_RATE_OF_NETS, _DROPOUT, _BATCH, _DECAY)
    if not hasattr(config.model, "base_model"):
        return ()
    dropout = () if config.model.model_type == "causal_lm" else (_DROPOUT,)
    if config.method == "lora":
        return (_RATE_OF_LORA, _RANK, *dropout, _WARMUP)
    if config.method == "frozen":
        return (_RATE_OF_HEADS, *dropout, _BATCH)
    return (_RATE_OF_ALL, _DECAY, *dropout, _WARMUP)
