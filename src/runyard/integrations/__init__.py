"""Live hooks for other people's trainers: their numbers become a run while they train.

    trainer.add_callback(runyard.integrations.TransformersCallback())          # transformers
    lightning.Trainer(logger=runyard.integrations.LightningLogger())           # Lightning
    model.fit(x, y, callbacks=[runyard.integrations.KerasCallback()])          # Keras 3
    study.optimize(objective, callbacks=[runyard.integrations.OptunaCallback()])

Each logs to the run it is given, to the one that is open, or to one of its own, which it ends. A library is imported
when its hook is asked for. Whoever asks such a run to stop stops the trainer, but for Lightning, whose loggers cannot.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

# The name of the hook: the module with its methods, and the class of the library that it extends.
_HOOKS = {
    "TransformersCallback": ("transformers_hook", ("transformers",), "TrainerCallback"),
    "LightningLogger": ("lightning_hook", ("lightning.pytorch.loggers", "pytorch_lightning.loggers"), "Logger"),
    "KerasCallback": ("keras_hook", ("keras.callbacks",), "Callback"),
    "OptunaCallback": ("optuna_hook", (), ""),
}
__all__ = ["KerasCallback", "LightningLogger", "OptunaCallback", "TransformersCallback"]


def __getattr__(name: str) -> Any:
    if name not in _HOOKS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, libraries, base = _HOOKS[name]
    hooks = import_module(f"{__name__}.{module}").Hooks
    bases = (hooks, getattr(_library(name, libraries), base)) if libraries else (hooks,)
    # Made here, since a class statement would need the library at import.
    made = type(name, bases, {"__module__": __name__, "__doc__": hooks.__doc__})
    globals()[name] = made
    return made


def _library(name: str, candidates: tuple[str, ...]) -> Any:
    from runyard.core.errors import Unavailable

    for candidate in candidates:
        try:
            return import_module(candidate)
        except ModuleNotFoundError as error:
            if error.name is None or not candidate.startswith(error.name):
                raise
    package = candidates[0].split(".")[0]
    raise Unavailable(f"{name} needs {package}, which is not installed.", hint=f"pip install {package}")
