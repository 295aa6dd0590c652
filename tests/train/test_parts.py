"""Losses, scores, splits and orders against scikit-learn and torch, and by their properties."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score
from sklearn.utils.class_weight import compute_class_weight

from runyard.config.dataset import TrainingData
from runyard.config.losses import CrossEntropy, ExpectedCost, Focal, LeakAware
from runyard.config.part import Part
from runyard.core.errors import Invalid
from runyard.data.split import sampled, split
from runyard.train.baselines import log_loss
from runyard.train.losses import build_loss
from runyard.train.order import epoch_order
from runyard.train.scores import classification_scores, numbered
from runyard.train.series_data import windows

LABELS = st.lists(st.sampled_from("abc"), min_size=8, max_size=60).filter(
    lambda labels: len(set(labels)) > 1 and min(Counter(labels).values()) > 1
)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1))
def test_scores_are_those_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    predicted, labels = map(np.array, zip(*pairs, strict=True))
    scores = classification_scores(predicted, labels, 4, ("accuracy", "f1_macro"))
    assert scores["accuracy"] == pytest.approx(accuracy_score(labels, predicted))
    assert scores["f1_macro"] == pytest.approx(f1_score(labels, predicted, average="macro"))


def test_log_loss_of_a_zero_is_finite() -> None:
    assert log_loss(np.array([[0.25, 0.75], [1.0, 0.0]]), np.array([1, 1])) == pytest.approx(17.4132, abs=1e-3)


LOGITS = torch.tensor([[2, 0.5, -1, 0], [-1, 3, 0, 1], [0.2, 0.1, 0, -0.1], [5, -5, 0, 0]], dtype=torch.float64)
Y = torch.tensor([0, 3, 2, 1])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, {"a": 1.0, "b": 1.5, "c": 1.5, "d": 3.0}])
def test_the_loss_is_that_of_torch(weights: dict[str, float] | None, smoothing: float) -> None:
    part = CrossEntropy(class_weights=weights, label_smoothing=smoothing)
    total, count = build_loss(part, list("abcd"), Y)(LOGITS, Y)
    weight = None if weights is None else torch.tensor(list(weights.values()), dtype=torch.float64)
    expected = torch.nn.functional.cross_entropy(LOGITS, Y, weight=weight, label_smoothing=smoothing)
    assert (total / count).item() == pytest.approx(expected.item(), rel=1e-6)


def test_a_known_weighted_loss() -> None:
    part = CrossEntropy(class_weights={"a": 1, "b": 1.5, "c": 1.5, "d": 3})
    total, count = build_loss(part, list("abcd"), Y)(LOGITS, Y)
    assert (total / count).item() == pytest.approx(3.4402637543, rel=1e-6)


def mean_of(part: Part) -> float:
    total, count = build_loss(part, list("abcd"), Y)(LOGITS, Y)
    return float(total / count)


@pytest.mark.parametrize(
    ("part", "of_examples"),
    [  # The values of alpha .25 and gamma 0, 2 are those of Keras' CategoricalFocalCrossentropy.
        (Focal(gamma=0), [0.0855874, 0.54629561, 0.36063388, 2.50335767]),
        (Focal(gamma=1), [0.02481179, 0.48486073, 0.27540608, 2.50324554]),
        (Focal(), [0.00719294, 0.43033464, 0.21031997, 2.50313341]),
        (Focal(gamma=5), [1.752474e-04, 3.00866758e-01, 9.36702078e-02, 2.50279704]),
        (
            Focal(alpha={"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4}),
            [0.00287718, 0.68853543, 0.25238396, 2.00250673],
        ),
        (LeakAware(leak_classes=("b", "c", "d")), [0.34234958, 2.21843968, 1.85892544, 19.89327314]),
        (
            ExpectedCost(
                costs={
                    "a": {"b": 1, "c": 1, "d": 1},
                    "b": {"a": 2, "c": 0.5, "d": 0.5},
                    "c": {"a": 2, "b": 0.5, "d": 0.5},
                    "d": {"a": 2, "b": 0.5, "c": 0.5},
                }
            ),
            [0.63224966, 2.65178299, 2.25734875, 11.99339694],
        ),
    ],
)
def test_losses_of_known_value(part: Part, of_examples: list[float]) -> None:
    loss = build_loss(part, list("abcd"), Y)
    found = [loss(LOGITS[i : i + 1], Y[i : i + 1])[0].item() for i in range(4)]
    assert found == pytest.approx(of_examples, abs=1e-8)
    assert mean_of(part) == pytest.approx(sum(of_examples) / 4, rel=1e-6)


def test_losses_that_say_the_same() -> None:
    plain = mean_of(CrossEntropy())
    assert mean_of(Focal(gamma=0, alpha=1)) == pytest.approx(plain)
    assert mean_of(LeakAware(leak_classes=("b",), leak_penalty=1)) == pytest.approx(plain)
    assert mean_of(ExpectedCost(costs={"a": {"b": 3}}, cost_weight=0)) == pytest.approx(plain)


@pytest.mark.parametrize(
    "part",
    [
        CrossEntropy(class_weights={"a": 1, "b": 1.5, "c": 1.5, "d": 3}, label_smoothing=0.1),
        Focal(gamma=0.5),
        Focal(),
        LeakAware(leak_classes=("a", "d"), leak_penalty=3, non_leak_penalty=1.5),
        ExpectedCost(costs={"a": {"b": 2}, "d": {"a": 1}}),
    ],
    ids=lambda part: part.kind,
)
def test_gradients_are_those_of_finite_differences(part: Part) -> None:
    loss = build_loss(part, list("abcd"), Y)
    given = LOGITS.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda logits: loss(logits, Y)[0], given)


def test_a_certain_example_has_no_gradient_that_is_not_a_number() -> None:
    logits = torch.tensor([[100.0, 0.0]], requires_grad=True)
    build_loss(Focal(gamma=0.5), list("ab"), torch.tensor([0]))(logits, torch.tensor([0]))[0].backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize(
    ("part", "places"),
    [
        (Focal(alpha={"a": 1, "x": 2}), ["alpha.x", "alpha.b"]),
        (LeakAware(leak_classes=("x", "b")), ["leak_classes.x"]),
        (ExpectedCost(costs={"a": {"x": 1}, "y": {"a": 1}}), ["costs.x", "costs.y"]),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_a_loss_names_the_classes_it_does_not_find(part: Part, places: list[str]) -> None:
    with pytest.raises(Invalid) as caught:
        build_loss(part, ["a", "b"], torch.tensor([0, 1]))
    assert [problem.path.removeprefix("optimization.loss.") for problem in caught.value.problems] == places


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    labels = np.array([0, 0, 0, 1, 2, 2])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    loss = build_loss(CrossEntropy(class_weights="balanced"), list("abc"), torch.from_numpy(labels))
    counts = [loss(torch.zeros(1, 3), torch.tensor([k]))[1].item() for k in range(3)]
    assert counts == pytest.approx(expected.tolist())


def test_weights_of_unknown_classes_are_all_named() -> None:
    with pytest.raises(Invalid) as caught:
        build_loss(CrossEntropy(class_weights={"a": 1, "x": 2}), ["a", "b"], torch.tensor([0, 1]))
    assert [problem.path.rsplit(".", 1)[1] for problem in caught.value.problems] == ["x", "b"]


@given(LABELS, st.floats(0.05, 0.95), st.sampled_from(["random", "stratified"]))
def test_a_split_takes_each_example_once(labels: list[str], share: float, by: str) -> None:
    data = TrainingData(source="x", validation_split=share, split_by=by)
    try:
        training, validation = split(labels, None, None, data)
    except Invalid:
        assert by == "random"
        return
    assert sorted([*training, *validation]) == list(range(len(labels)))
    assert (training, validation) == split(labels, None, None, data)
    if by == "stratified":
        assert {labels[i] for i in training} == {labels[i] for i in validation} == set(labels)


@given(LABELS, st.floats(0.05, 0.95), st.integers(2, 6))
def test_a_group_is_never_torn(labels: list[str], share: float, count: int) -> None:
    groups = [str(i % count) for i in range(len(labels))]
    data = TrainingData(source="x", validation_split=share, split_by="group")
    try:
        training, validation = split(labels, groups, None, data)
    except Invalid:
        return
    assert {groups[i] for i in training}.isdisjoint(groups[i] for i in validation)
    assert training
    assert validation


def test_a_split_column_decides() -> None:
    data = TrainingData(source="x", split_by="column")
    assert split(list("abab"), None, [False, False, True, True], data) == ([0, 1], [2, 3])
    with pytest.raises(Invalid, match="no example is left for validation"):
        split(list("abab"), None, [False] * 4, data)
    with pytest.raises(Invalid, match="one class only"):
        split(list("aaab"), None, [False, False, True, True], data)


@given(LABELS, st.integers(4, 60))
def test_a_sample_is_as_large_as_asked_for(labels: list[str], at_most: int) -> None:
    chosen = sampled(labels, at_most)
    assert len(chosen) == min(at_most, len(labels))
    assert chosen == sorted(set(chosen)) == sampled(labels, at_most)


@settings(max_examples=40)
@given(st.integers(1, 200), st.integers(1, 17), st.integers(0, 9), st.integers(1, 5), st.booleans())
def test_an_epoch_takes_each_example_once(count: int, size: int, seed: int, epoch: int, by_length: bool) -> None:
    lengths = [(i * 37) % 50 for i in range(count)] if by_length else None
    batches = epoch_order(count, size, seed=seed, epoch=epoch, lengths=lengths)
    assert sorted(i for batch in batches for i in batch) == list(range(count))
    assert sum(len(batch) < size for batch in batches) <= 1
    assert batches == epoch_order(count, size, seed=seed, epoch=epoch, lengths=lengths)


def test_epochs_and_seeds_differ_in_their_order() -> None:
    orders = [epoch_order(50, 5, seed=seed, epoch=epoch) for seed in (0, 1) for epoch in (1, 2)]
    assert all(a != b for i, a in enumerate(orders) for b in orders[:i])


def test_buckets_save_padding() -> None:
    lengths = np.random.default_rng(0).integers(4, 128, 800).tolist()

    def padded(batches: list[list[int]]) -> int:
        return sum(len(batch) * max(lengths[i] for i in batch) for batch in batches)

    bucketed = epoch_order(800, 16, seed=1, epoch=1, lengths=lengths)
    assert padded(bucketed) < 1.1 * sum(lengths) < padded(epoch_order(800, 16, seed=1, epoch=1))


@given(st.integers(1, 40), st.integers(1, 12), st.integers(1, 12))
def test_windows_are_whole_pieces(steps: int, length: int, stride: int) -> None:
    series = np.arange(steps * 2, dtype=np.float32).reshape(steps, 2)
    cut = windows(series, length, stride)
    assert len(cut) == max(0, (steps - length) // stride + 1)
    assert all((piece == series[i * stride : i * stride + length]).all() for i, piece in enumerate(cut))


def test_labels_are_numbered_by_their_place() -> None:
    assert numbered(["b", "a", "b"], ["a", "b"]).tolist() == [1, 0, 1]
