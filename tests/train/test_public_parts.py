"""`runyard.parts`: losses, optimizers, schedules and splits without a yard, against torch and scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn import model_selection as sk
from torch import nn

from runyard import parts
from runyard.core.errors import Invalid

LOGITS = torch.tensor([[2, 0.5, -1, 0], [-1, 3, 0, 1], [0.2, 0.1, 0, -0.1], [5, -5, 0, 0]], dtype=torch.float64)
LABELS = torch.tensor([0, 3, 2, 1])


def test_cross_entropy_is_that_of_torch() -> None:
    weights = {"0": 1.0, "1": 1.5, "2": 1.5, "3": 3.0}
    mine = parts.build_loss("cross_entropy", 4, class_weights=weights)(LOGITS, LABELS)
    theirs = F.cross_entropy(LOGITS, LABELS, weight=torch.tensor(list(weights.values()), dtype=torch.float64))
    assert mine.item() == pytest.approx(theirs.item())
    assert mine.item() == pytest.approx(3.4402637543)
    smooth = parts.build_loss("cross_entropy", 4, label_smoothing=0.1, reduction="sum")(LOGITS, LABELS)
    assert smooth.item() == pytest.approx(F.cross_entropy(LOGITS, LABELS, label_smoothing=0.1, reduction="sum").item())


def test_focal_is_that_of_the_paper() -> None:
    """The vector of Keras' CategoricalFocalCrossentropy for these logits."""
    mean = parts.build_loss("focal", ["a", "b", "c", "d"], gamma=2.0, alpha=0.25)(LOGITS, LABELS)
    assert mean.item() == pytest.approx(np.mean([0.00719294, 0.43033464, 0.21031997, 2.50313341]), abs=1e-7)


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    from sklearn.utils.class_weight import compute_class_weight

    y = np.array([0, 0, 0, 1, 2, 2])
    weights = compute_class_weight("balanced", classes=np.arange(3), y=y)
    logits = torch.randn(6, 3, dtype=torch.float64)
    mine = parts.build_loss("cross_entropy", 3, labels=y, class_weights="balanced")(logits, torch.from_numpy(y))
    theirs = F.cross_entropy(logits, torch.from_numpy(y), weight=torch.from_numpy(weights))
    assert mine.item() == pytest.approx(theirs.item(), rel=1e-6)
    with pytest.raises(Invalid, match="labels"):
        parts.build_loss("cross_entropy", 3, class_weights="balanced")


@pytest.mark.parametrize(
    ("kind", "options", "theirs"),
    [
        ("adamw", {"beta1": 0.8}, lambda p: torch.optim.AdamW(p, lr=0.1, betas=(0.8, 0.999), weight_decay=0.0)),
        ("sgd", {"momentum": 0.9}, lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
        ("rmsprop", {}, lambda p: torch.optim.RMSprop(p, lr=0.1)),
    ],
)
def test_optimizers_step_as_those_of_torch(kind: str, options: dict[str, Any], theirs: Any) -> None:
    first, second = nn.Linear(3, 2), nn.Linear(3, 2)
    second.load_state_dict(first.state_dict())
    x = torch.randn(5, 3)
    for module, optimizer in (
        (first, parts.build_optimizer(kind, first, lr=0.1, **options)),
        (second, theirs(second.parameters())),
    ):
        for _ in range(3):
            optimizer.zero_grad()
            module(x).square().sum().backward()
            optimizer.step()
    assert torch.allclose(first.weight, second.weight, atol=1e-6)


def test_muon_takes_two_optimizers() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 2))
    with pytest.raises(Invalid, match="2 optimizers"):
        parts.build_optimizer("muon", model, lr=0.1)
    built = parts.build_optimizers("muon", model, lr=0.1)
    assert [type(one).__name__ for one in built] == ["Muon", "AdamW"]


def test_schedules_are_those_of_torch_and_transformers() -> None:
    from transformers import get_cosine_schedule_with_warmup

    optimizers = [torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.3) for _ in range(2)]
    mine = parts.build_scheduler(optimizers[0], "cosine", total=20, warmup=5)
    theirs = get_cosine_schedule_with_warmup(optimizers[1], 5, 20)
    for step in range(20):
        assert mine.get_last_lr() == pytest.approx(theirs.get_last_lr(), abs=1e-12)
        assert parts.lr_at("cosine", step, base=0.3, total=20, warmup=5) == pytest.approx(mine.get_last_lr()[0])
        for optimizer, scheduler in zip(optimizers, (mine, theirs), strict=True):
            optimizer.step()
            scheduler.step()


Y = np.array([0, 1] * 12)
GROUPS = np.repeat(np.arange(6), 4)


@pytest.mark.parametrize(
    ("options", "theirs"),
    [
        ({"by": "random", "folds": 4}, sk.KFold(4, shuffle=True, random_state=0)),
        ({"by": "stratified", "folds": 4}, sk.StratifiedKFold(4, shuffle=True, random_state=0)),
        ({"by": "group", "folds": 3}, sk.GroupKFold(3, shuffle=True, random_state=0)),
        ({"by": "stratified_group", "folds": 3}, sk.StratifiedGroupKFold(3, shuffle=True, random_state=0)),
        ({"by": "time", "folds": 3}, sk.TimeSeriesSplit(3)),
        ({"by": "leave_one_out"}, sk.LeaveOneOut()),
        ({"by": "leave_one_group_out"}, sk.LeaveOneGroupOut()),
        ({"by": "random", "folds": 1}, sk.ShuffleSplit(1, test_size=0.2, random_state=0)),
        ({"by": "stratified", "folds": 1}, sk.StratifiedShuffleSplit(1, test_size=0.2, random_state=0)),
        ({"by": "group", "folds": 1}, sk.GroupShuffleSplit(1, test_size=0.2, random_state=0)),
    ],
)
def test_splits_are_those_of_scikit_learn(options: dict[str, Any], theirs: Any) -> None:
    groups = GROUPS if "group" in options["by"] else None
    mine = parts.splits(np.zeros((24, 2)), Y, groups=groups, **options)
    expected = list(theirs.split(np.zeros(24), Y, groups))
    assert len(mine) == len(expected)
    for found, wanted in zip(mine, expected, strict=True):
        assert [part.tolist() for part in found] == [part.tolist() for part in wanted]


def test_a_split_by_time_trains_on_the_past_alone() -> None:
    times = np.random.default_rng(0).permutation(24)
    for folds in (1, 3):
        for train, validation in parts.splits(range(24), by="time", times=times, folds=folds):
            assert times[train].max() < times[validation].min()


def test_a_moment_is_never_on_both_sides_of_a_split_by_time() -> None:
    times = np.array([3, 1, 2, 3, 1, 2, 3, 4, 3, 3])
    train, validation = parts.splits(times, by="time", times=times, folds=1, validation_split=0.3)[0]
    assert (times[train].tolist(), times[validation].tolist()) == ([1, 1, 2, 2], [3, 3, 3, 3, 3, 4])
    folds = parts.splits(times, by="time", times=times, folds=2)
    assert [len(validation) for _, validation in folds] == [3, 3]
    for train, validation in folds:
        assert times[train].max() < times[validation].min()
    with pytest.raises(Invalid, match="none is older"):
        parts.splits(times, by="time", times=[1] * 10, folds=1)


@pytest.mark.parametrize(
    ("call", "path"),
    [
        (lambda: parts.build_loss("focale", 3), "kind"),
        (lambda: parts.build_loss("focal", 3, gama=1), "gama"),
        (lambda: parts.build_loss("focal", 3, alpha={"7": 1.0}), "optimization.loss.alpha.7"),
        (lambda: parts.build_optimizer("adam", nn.Linear(1, 1), lr=1.0, beta1=2.0), "beta1"),
        (lambda: parts.lr_at("cosin", 1, base=1.0, total=5), "kind"),
        (lambda: parts.splits(range(9), by="group"), "groups"),
        (lambda: parts.splits(range(9), [0] * 8), "y"),
        (lambda: parts.splits(range(9), by="weekday"), "by"),
        (lambda: parts.splits(range(9), by="random", folds=0), "folds"),
    ],
)
def test_mistakes_are_named(call: Any, path: str) -> None:
    with pytest.raises(Invalid) as said:
        call()
    assert path in {problem.path for problem in said.value.problems}
    with pytest.raises(Invalid, match="cannot be split by stratified"):
        parts.splits(range(4), [0, 0, 0, 1], folds=5)
