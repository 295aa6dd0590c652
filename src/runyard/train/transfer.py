"""Transfer: a model takes over what fits of the weights that another run saved."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file

from runyard.config.run import RunConfig, load_run_config
from runyard.core.errors import Invalid
from runyard.core.paths import RunFolder
from runyard.train.saved import check_sums

_LEAST_SHARE = 0.5
Weights = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Source:
    """The model of a run, apart: its body, its head, and the classes that the head tells apart."""

    run_id: str
    config: RunConfig
    body: Weights
    head: Weights
    classes: list[str]


@dataclass(frozen=True)
class Transferred:
    """What a model took over; `head` is false where the classes differ, so that the head began anew."""

    source_run: str
    source_agent: str
    source_dataset: str
    layers: int
    tensors: int
    parameters: int
    head: bool
    left_out: tuple[str, ...]


def read_source(folder: RunFolder) -> Source:
    """Read the saved model of a run.

    Raises:
        NotFound, Corrupt: it is not there, or not what was saved.
    """
    check_sums(folder.model, None)
    config = load_run_config(folder.config)
    if (folder.model / "language.json").is_file():
        from runyard.train.language_saved import load_weights

        model, *_ = load_weights(folder.model)
        return Source(folder.path.name, config, model.state_dict(), {}, [])
    if (folder.model / "classifier.json").is_file():
        from runyard.train.encoder import load_encoder

        encoder, _ = load_encoder(folder.model)
        head = load_file(folder.model / "head.safetensors")
        return Source(folder.path.name, config, encoder.state_dict(), head, _classes(folder.model / "classifier.json"))
    weights = load_file(folder.model / "model.safetensors")
    # Mean and scale stay those of the data at hand.
    body = {name: tensor for name, tensor in weights.items() if name.startswith("layers.")}
    head = {name.removeprefix("head."): tensor for name, tensor in weights.items() if name.startswith("head.")}
    return Source(folder.path.name, config, body, head, _classes(folder.model / "config.json"))


def _classes(path: Path) -> list[str]:
    return list(json.loads(path.read_text("utf-8"))["classes"])


def put_body(source: Source, module: torch.nn.Module) -> list[str]:
    """Put what fits of a source's body into a module with the same names; returns those names.

    Raises:
        Invalid: less than half of its parameters fit: it is another architecture.
    """
    own = module.state_dict()
    fitting = {n: w for n, w in source.body.items() if n in own and own[n].shape == w.shape}
    share = _count(fitting) / max(1, _count(source.body))
    if share < _LEAST_SHARE:
        raise Invalid(
            f"Only {share:.0%} of the weights of run {source.run_id} fit this model: it is another architecture.",
            hint="Take the model section of its config, or start from another run.",
        )
    module.load_state_dict(fitting, strict=False)
    return sorted(fitting)


def put_head(source: Source, head: torch.nn.Module, classes: Sequence[str], taken: Sequence[str]) -> Transferred:
    """Put a source's head in place where it tells the same classes apart; returns what was transferred in all."""
    own = head.state_dict()
    same = list(classes) == source.classes and all(own[name].shape == w.shape for name, w in source.head.items())
    if same:
        head.load_state_dict(source.head)
    over = {name: source.body[name] for name in taken}
    data = source.config.training_data
    return Transferred(
        source_run=source.run_id,
        source_agent=source.config.agent,
        source_dataset=data.source or Path(data.path or "").stem,
        layers=len({name.rpartition(".")[0] for name in over}) + same,
        tensors=len(over) + same * len(source.head),
        parameters=_count(over) + same * _count(source.head),
        head=same,
        left_out=tuple(sorted(set(source.body) - set(taken))),
    )


def without_head(source: Source, taken: Sequence[str]) -> Transferred:
    """Return what a model without a head of its own took over: a language model's head is one of its layers."""
    return put_head(source, torch.nn.Identity(), [], taken)


def _count(weights: Weights) -> int:
    return sum(tensor.numel() for tensor in weights.values())
