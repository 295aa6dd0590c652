"""`runyard.fit`: a module of one's own is a run like any other; what does not fit is said before a step is made."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ready import ready_yard
from torch import nn

import runyard
from runyard.core.errors import Conflict, Invalid
from runyard.train.callbacks import Action, CancelWatch

DOCS = Path(__file__).resolve().parents[2] / "docs" / "own-modules.md"


def examples(count: int = 240) -> tuple[Any, Any]:
    draw = np.random.default_rng(1)
    x = draw.normal(size=(count, 6)).astype(np.float32)
    return x, (x[:, 0] > 0).astype(int) + (x[:, 1] > 0)


def net(outputs: int = 3, inputs: int = 6) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(inputs, 16), nn.Dropout(0.1), nn.ReLU(), nn.Linear(16, outputs))


CONFIG = {"learning_rate": 0.02, "epochs": 6, "agent": "mine", "seed": 3}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return ready_yard(tmp_path / "yard").home


def test_the_document_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNYARD_HOME", str(tmp_path / "yard"))
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text("utf-8"), re.S)
    assert len(blocks) == 3
    exec(compile("\n".join(blocks), str(DOCS), "exec"), {})


def test_it_is_a_run_like_any_other(home: Path) -> None:
    (x, y), module = examples(), net()
    torch.manual_seed(9)
    before = torch.random.get_rng_state()

    fitted = runyard.fit(module, (x, y), CONFIG, home=home)

    assert torch.equal(torch.random.get_rng_state(), before), "the script's random numbers are its own"
    rows = runyard.query(
        "SELECT e.epoch, e.train_loss, e.val_loss FROM epochs AS e JOIN runs AS r ON r.id = e.session_id "
        f"WHERE r.id = '{fitted.run_id}' AND r.status = 'completed' AND r.agent_id = 'mine' ORDER BY epoch",
        home=home,
    ).pl()
    assert rows["epoch"].to_list() == [1, 2, 3, 4, 5, 6]
    assert fitted.history["val_loss"].to_list() == rows["val_loss"].to_list()
    assert fitted.history["accuracy"][-1] > 0.75
    held_out = [i for i in range(len(x)) if not _is_training(x[i], fitted)]
    scores = fitted.evaluate(x[held_out], y[held_out])
    best = fitted.history.row(fitted.best_epoch - 1, named=True)  # type: ignore[operator]
    assert scores["loss"] == pytest.approx(best["val_loss"], rel=1e-5)
    assert scores["accuracy"] == pytest.approx(best["accuracy"])
    assert fitted.probabilities(x[:4]).sum(axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    assert runyard.query("SELECT count(*) AS n FROM model_versions", home=home).pl()["n"].item() == 0


def _is_training(row: Any, fitted: Any) -> bool:
    train = fitted._task.parts["train"].inputs["x"].numpy()
    return bool((train == row).all(axis=1).any())


def test_it_learns_what_a_plain_loop_learns() -> None:
    """Without dropout, one batch an epoch, SGD at a constant rate: the same numbers as five lines of torch."""
    x, y = examples(40)
    mine, plain = nn.Linear(6, 3), nn.Linear(6, 3)
    plain.load_state_dict(mine.state_dict())
    import tempfile

    config = {"learning_rate": 0.5, "epochs": 4, "batch_size": 64, "optimizer": "sgd", "schedule": "constant",
              "gradient_clipping": None, "early_stopping": False, "evaluation": {"save_best_model": False}}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        fitted = runyard.fit(mine, ((x, y), (x, y)), config, home=folder)
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.5)
    losses = []
    for _ in range(4):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(plain(torch.from_numpy(x)), torch.from_numpy(y))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert fitted.history["train_loss"].to_list() == pytest.approx(losses, abs=1e-6)
    assert torch.allclose(mine.weight, plain.weight, atol=1e-6)


def test_words_inputs_by_name_and_real_numbers(home: Path) -> None:
    x, y = examples(60)

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(6, 3)

        def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
            return self.layer(torch.cat([left, right], dim=1))

    words = np.array(["low", "middle", "high"])[y]
    two = {"left": x[:, :3], "right": x[:, 3:]}
    fitted = runyard.fit(Two(), (two, words), {"epochs": 1}, home=home)
    assert set(fitted.predict(two)) <= {"low", "middle", "high"}
    assert fitted.classes == ["high", "low", "middle"]

    real = runyard.fit(net(1), (x, x[:, 0] * 2), {"epochs": 12, "learning_rate": 0.02}, home=home)
    assert real.evaluate(x, x[:, 0] * 2)["r2"] > 0.5
    assert real.predict(x).shape == (60,)
    with pytest.raises(Invalid, match="real numbers"):
        real.probabilities(x)


def test_a_loss_of_ones_own_may_read_outputs_of_another_shape(home: Path) -> None:
    x, _ = examples(60)

    def likelihood(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return nn.functional.gaussian_nll_loss(outputs[:, 0], targets, outputs[:, 1].exp())

    fitted = runyard.fit(net(2), (x, x[:, 0]), {"epochs": 2}, loss=likelihood, home=home)
    assert fitted.status == "completed"
    assert set(fitted.evaluate(x, x[:, 0])) == {"loss"}
    by_accuracy = {"early_stopping": {"monitor": "accuracy", "mode": "max"}}
    with pytest.raises(Invalid, match="no accuracy"):
        runyard.fit(net(2), (x, x[:, 0]), by_accuracy, loss=likelihood, home=home)


KILLED = """
import os, signal
import numpy as np, torch, runyard
x = np.random.default_rng(1).normal(size=(60, 6)).astype(np.float32)
seen = 0
def loss(outputs, targets):
    global seen
    seen += torch.is_grad_enabled()
    if seen == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return torch.nn.functional.cross_entropy(outputs, targets)
torch.manual_seed(0)
runyard.fit(torch.nn.Linear(6, 2), (x, (x[:, 0] > 0).astype(int)), {"epochs": 4}, loss=loss)
"""


def test_a_script_that_was_killed_can_be_resumed(home: Path) -> None:
    environment = {**os.environ, "RUNYARD_HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", KILLED], env=environment, check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    x = np.random.default_rng(1).normal(size=(60, 6)).astype(np.float32)
    resumed = runyard.fit(nn.Linear(6, 2), (x, (x[:, 0] > 0).astype(int)), home=home, resume="@latest")
    assert resumed.history["epoch"].to_list() == [1, 2, 3, 4]
    ended = runyard.query("SELECT attempt, status, reason FROM run_attempts ORDER BY attempt", home=home).fetchall()
    assert ended == [(1, "failed", "lost"), (2, "completed", None)]


def test_a_run_whose_process_is_there_is_still_running(home: Path) -> None:
    from runyard.fitting import _before
    from runyard.runtime import open_runtime
    from runyard.service.liveness import created_at

    x, y = examples(40)
    fitted = runyard.fit(net(), (x, y), {"epochs": 1}, home=home)
    rt = open_runtime(home)
    try:
        about = {"name": "mine", "kind": "train", "config": fitted.config.model_dump(mode="json")}
        rt.record(fitted.run_id, "queued", attempt=2, launched_by="sdk", **about)
        rt.record(fitted.run_id, "started", attempt=2, pid=os.getpid(), pid_created=created_at(os.getpid()))
        with pytest.raises(Conflict, match="is still running"):
            _before(rt.yard, "@latest")
    finally:
        rt.close()


def test_a_cancelled_run_goes_on_as_if_it_had_never_stopped(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = examples()
    whole = runyard.fit(net(), (x, y), CONFIG, home=home)

    look = CancelWatch.after_step

    def at_step_20(self: CancelWatch, progress: Any) -> Action:
        if progress.step == 20:
            self._request.touch()
            self._next_look = 0.0
        return look(self, progress)

    monkeypatch.setattr(CancelWatch, "after_step", at_step_20)
    stopped = runyard.fit(net(), (x, y), CONFIG, home=home)
    monkeypatch.undo()
    assert (stopped.status, stopped.history.height) == ("cancelled", 1)

    with pytest.raises(Conflict, match="data"):
        runyard.fit(net(), (x + 1, y), CONFIG, home=home, resume=str(stopped.run_id))
    with pytest.raises(Conflict, match="another module"):
        runyard.fit(nn.Linear(6, 3), (x, y), CONFIG, home=home, resume=str(stopped.run_id))
    resumed = runyard.fit(net(), (x, y), home=home, resume=str(stopped.run_id))

    assert resumed.run_id == stopped.run_id
    assert resumed.history["val_loss"].to_list() == whole.history["val_loss"].to_list()
    assert resumed.history["accuracy"].to_list() == whole.history["accuracy"].to_list()


NAN = np.array([[1.0] * 6, [float("nan")] * 6], dtype=np.float32)
X4, Y4 = np.ones((4, 6), dtype=np.float32), np.array([0, 1, 2, 1])


@pytest.mark.parametrize(
    ("module", "data", "config", "said"),
    [
        (net(), (NAN, [0, 1]), {}, r"not finite in 1 of 2 rows: 1\."),
        (net(), (X4, [0, 1, 3, 1]), {}, r"out of range: 3; the module has 3 outputs, 0 to 2"),
        (net(), (X4, [0, 1]), {}, r"X has 4 examples, y has 2"),
        (net(inputs=5), (X4, Y4), {}, r"cannot read inputs of the shape \(4, 6\)"),
        (nn.Flatten(), (X4, Y4), {}, r"no parameters that can be trained"),
        (net(1), (X4, Y4), {}, r"out of range: 1, 2"),
        (net(2), (X4, ["a", "b", "c", "a"]), {}, r"y has 3 classes, but the module gives 2 numbers"),
        (net(), (X4, np.eye(3)[Y4].astype(int)), {}, r"one number or word for each example"),
        (net(), (X4, np.ones((4, 2))), {}, r"returns \(2, 3\) where the targets have the shape \(2, 2\)"),
        (net(), (np.array(["a"] * 4), Y4), {}, r"X holds <U1"),
        (net(), X4, {}, r"must be \(X, y\)"),
        (net(), (X4, [0, 1, None, 1]), {}, r"y is missing in 1 of 4 rows"),
        (net(), (X4, Y4), {"learning_rat": 1}, r"mistake"),
        (net(), (X4[:0], Y4[:0]), {}, r"no examples"),
        (nn.LSTM(6, 3), (X4, Y4), {}, r"returns a tuple"),
        (print, (X4, Y4), {}, r"torch.nn.Module"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_and_no_run_is_made(
    home: Path, module: Any, data: Any, config: dict[str, Any], said: str
) -> None:
    with pytest.raises(Invalid, match=said):
        runyard.fit(module, data, config, home=home)
    assert not list((home / "runs").glob("*"))


def test_a_diverged_module_is_a_failed_run(home: Path) -> None:
    x, y = examples(80)
    config = {"learning_rate": 10, "weight_decay": 10, "epochs": 40, "optimizer": "sgd", "schedule": "constant",
              "early_stopping": False}  # fmt: skip
    with pytest.raises(Exception, match="not finite"):
        runyard.fit(net(), (x, y), config, home=home)
    row = runyard.query("SELECT status, error_kind FROM runs", home=home).fetchall()
    assert row == [("failed", "diverged")]


def test_saving_refuses_other_folders_and_commands_say_whose_it_is(home: Path, tmp_path: Path) -> None:
    from runyard.runtime import open_runtime
    from runyard.service.models import find_saved

    x, y = examples(40)
    fitted = runyard.fit(net(), (x, y), {"epochs": 1}, home=home)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(Conflict, match="no saved module"):
        fitted.save(tmp_path / "full")
    fitted.save(tmp_path / "new")
    fitted.save(tmp_path / "new")
    with pytest.raises(Invalid, match="shape"):
        fitted.predict(x[:, :3])
    rt = open_runtime(home)
    try:
        with pytest.raises(Conflict, match="its own script"):
            find_saved(rt, str(fitted.run_id))
    finally:
        rt.close()
