"""Settings of one process, read from the environment once, at the edge, and handed down."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from runyard.core.errors import Invalid, Problem
from runyard.core.paths import Yard, expanded

_DATA = ("", "raw", "processed", "synthetic")
_MODELS = ("", "pretrained", "finetuned", "custom")
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


@dataclass(frozen=True)
class Settings:
    """What the environment may set; the older names of `options.md` are read too."""

    home: Path
    enabled: bool = True
    max_workers: int = 2
    max_memory_mb: int = 16384
    gpu_enabled: bool = True
    data_dir: Path | None = None
    models_dir: Path | None = None

    @property
    def yard(self) -> Yard:
        """The yard of these settings, with the folders of theirs in which data sets and base models may lie, too."""
        return Yard(
            self.home,
            tuple(self.data_dir / name for name in _DATA) if self.data_dir else (),
            tuple(self.models_dir / name for name in _MODELS) if self.models_dir else (),
        )

    @classmethod
    def from_env(cls, home: str | Path | None = None, env: Mapping[str, str] | None = None) -> Settings:
        """Read `RUNYARD_*`; an explicit `home` wins over `RUNYARD_HOME`, `./yard` is the default.

        Raises:
            Invalid: with every value that cannot be used.
        """
        env = os.environ if env is None else env
        problems: list[Problem] = []

        def text(*names: str) -> str | None:
            return next((env[name] for name in names if env.get(name)), None)

        def number(name: str, default: int) -> int:
            value = text(name)
            if value is None:
                return default
            if not value.isdecimal() or int(value) < 1:
                problems.append(Problem(name, f"{value!r} is not a whole number of at least 1"))
                return default
            return int(value)

        def flag(*names: str) -> bool:
            value = (text(*names) or "true").lower()
            if value not in _TRUE | _FALSE:
                problems.append(Problem(names[0], f"{value!r} is neither true nor false", ("true", "false")))
            return value not in _FALSE

        def folder(*names: str) -> Path | None:
            value = text(*names)
            return expanded(value).absolute() if value else None

        settings = cls(
            home=expanded(home or text("RUNYARD_HOME") or "yard").absolute(),
            enabled=flag("RUNYARD_ENABLED", "TRAINING_ENABLED"),
            max_workers=number("RUNYARD_MAX_WORKERS", min(4, os.cpu_count() or 1)),
            max_memory_mb=number("RUNYARD_MAX_MEMORY", 16384),
            gpu_enabled=flag("RUNYARD_GPU_ENABLED"),
            data_dir=folder("RUNYARD_DATA_DIR", "TRAINING_DATA_DIR"),
            models_dir=folder("RUNYARD_MODELS_DIR", "MODELS_DIR"),
        )
        if problems:
            raise Invalid("The environment holds values that cannot be used.", problems=problems)
        return settings
