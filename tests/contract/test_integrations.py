"""The live hooks, each under the real library where it is installed: what it trains becomes rows."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import runyard
import runyard.integrations
from runyard.core.errors import Unavailable
from runyard.core.paths import Yard
from runyard.integrations import attached


def library(name: str) -> Any:
    return pytest.importorskip(name, reason=f"{name} is not installed: its hook cannot be tried here")


@pytest.fixture
def home(yard: Yard) -> Iterator[Path]:
    yield yard.home
    runyard.finish("cancelled")


def rows(sql: str, home: Path) -> list[dict[str, Any]]:
    return runyard.query(sql, home=home).pl().to_dicts()


def trainer_of(folder: Path, callback: Any, **options: Any) -> Any:
    torch, transformers = library("torch"), library("transformers")

    class Line(torch.nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.line = torch.nn.Linear(2, 1)

        def forward(self, x: Any, labels: Any = None) -> dict[str, Any]:
            out = self.line(x).squeeze(-1)
            return {"loss": ((out - labels) ** 2).mean(), "logits": out}

    torch.manual_seed(7)
    data = [{"x": x, "labels": x.sum()} for x in torch.randn(24, 2)]
    arguments = {
        "output_dir": str(folder / "out"), "num_train_epochs": 3, "per_device_train_batch_size": 4,
        "learning_rate": 0.05, "seed": 7, "logging_steps": 2, "eval_strategy": "epoch", "save_strategy": "no",
        "report_to": [], "use_cpu": True, "disable_tqdm": True, **options,
    }  # fmt: skip
    return transformers.Trainer(
        model=Line(), args=transformers.TrainingArguments(**arguments), train_dataset=data,
        eval_dataset=data[:8], callbacks=[callback],
    )  # fmt: skip


def test_a_transformers_trainer_becomes_a_run(home: Path, tmp_path: Path) -> None:
    library("transformers")
    hook = runyard.integrations.TransformersCallback(home=home, agent="liner", name="tiny")
    trainer = trainer_of(tmp_path, hook)
    trainer.train()
    (run,) = rows("FROM runs JOIN training_sessions USING (id)", home)
    assert (run["name"], run["agent_id"], run["status"], run["seed"]) == ("tiny", "liner", "completed", 7)
    assert (run["completed_epochs"], run["total_epochs"], run["completed_steps"]) == (3, 3, 18)
    history = trainer.state.log_history
    told = {round(entry["epoch"]): entry["eval_loss"] for entry in history if "eval_loss" in entry}
    epochs = rows("FROM training_epochs ORDER BY epoch", home)
    assert {row["epoch"]: row["val_loss"] for row in epochs} == pytest.approx(told)
    assert [row["step"] for row in epochs] == [6, 12, 18]
    losses = [(entry["step"], entry["loss"]) for entry in history if "loss" in entry]
    assert [(r["step"], r["value"]) for r in rows("FROM metrics WHERE name = 'loss' ORDER BY step", home)] == losses
    for row in epochs:
        own = [loss for step, loss in losses if row["step"] - 6 < step <= row["step"]]
        assert row["train_loss"] == pytest.approx(sum(own) / len(own))
        assert row["learning_rate"] is not None
    trainer.evaluate()  # after its end: nothing is logged, nothing fails
    assert len(rows("FROM training_epochs", home)) == 3


def test_a_transformers_trainer_logs_into_the_open_run_and_stops_when_asked(home: Path, tmp_path: Path) -> None:
    library("transformers")
    with runyard.init(home=home, name="mine") as run:
        trainer = trainer_of(tmp_path, runyard.integrations.TransformersCallback(), num_train_epochs=50)
        (home / "runs" / str(run.id) / "cancel").touch()
        trainer.train()
        assert trainer.state.global_step == 1
        assert not run.has_ended, "who opened it ends it"
    assert [row["name"] for row in rows("FROM runs", home)] == ["mine"]


def test_steps_that_end_in_the_middle_of_an_epoch(home: Path, tmp_path: Path) -> None:
    library("transformers")
    hook = runyard.integrations.TransformersCallback(home=home)
    trainer_of(
        tmp_path, hook, max_steps=9, eval_strategy="no", metric_for_best_model="f1", greater_is_better=True
    ).train()
    assert [(row["epoch"], row["step"]) for row in rows("FROM training_epochs ORDER BY epoch", home)] == [
        (1, 6),
        (2, 9),
    ]
    (session,) = rows("FROM training_sessions", home)
    assert (session["monitor_metric"], session["monitor_mode"]) == ("eval_f1", "max")


def test_a_lightning_trainer_becomes_a_run(home: Path, tmp_path: Path) -> None:
    lightning, torch = library("lightning"), library("torch")

    class Line(lightning.LightningModule):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.line = torch.nn.Linear(2, 1)

        def loss(self, batch: Any) -> Any:
            return ((self.line(batch[0]).squeeze(-1) - batch[1]) ** 2).mean()

        def training_step(self, batch: Any, _: int) -> Any:
            loss = self.loss(batch)
            self.log("train_loss", loss, on_step=True, on_epoch=True)
            return loss

        def validation_step(self, batch: Any, _: int) -> None:
            self.log("val_loss", self.loss(batch))

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.05)

    torch.manual_seed(7)
    x = torch.randn(24, 2)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, x.sum(1)), batch_size=4)
    logger = runyard.integrations.LightningLogger(home=home, name="light")
    trainer = lightning.Trainer(
        logger=logger, max_epochs=3, accelerator="cpu", log_every_n_steps=2, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, default_root_dir=tmp_path,
    )  # fmt: skip
    trainer.fit(Line(), loader, loader)
    (run,) = rows("FROM runs", home)
    assert (run["name"], run["status"]) == ("light", "completed")
    epochs = rows("FROM training_epochs ORDER BY epoch", home)
    assert [row["epoch"] for row in epochs] == [1, 2, 3]
    final = {name: float(value) for name, value in trainer.callback_metrics.items()}
    assert epochs[-1]["val_loss"] == pytest.approx(final["val_loss"])
    assert epochs[-1]["train_loss"] == pytest.approx(final["train_loss_epoch"])
    steps = rows("SELECT step FROM metrics WHERE name = 'train_loss_step' ORDER BY 1", home)
    assert [row["step"] for row in steps] == [2, 4, 6, 8, 10, 12, 14, 16, 18]


def test_a_lightning_trainer_that_fails_fails_its_run(home: Path, tmp_path: Path) -> None:
    lightning, torch = library("lightning"), library("torch")

    class Broken(lightning.LightningModule):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.line = torch.nn.Linear(1, 1)

        def training_step(self, batch: Any, place: int) -> Any:
            self.log("train_loss", 1.0)
            if place == 2:
                raise RuntimeError("broken")
            return self.line(batch).sum()

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.05)

    trainer = lightning.Trainer(
        logger=runyard.integrations.LightningLogger(home=home), max_epochs=1, accelerator="cpu", log_every_n_steps=1,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, default_root_dir=tmp_path,
    )  # fmt: skip
    with pytest.raises(RuntimeError, match="broken"):
        trainer.fit(Broken(), torch.utils.data.DataLoader(torch.ones(4, 1)))
    (run,) = rows("FROM runs", home)
    assert run["status"] == "failed"


def test_a_keras_fit_becomes_a_run(home: Path) -> None:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = library("keras")
    import numpy as np

    x = np.random.default_rng(7).normal(size=(24, 2))
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.05), loss="mse", metrics=["mae"])
    hook = runyard.integrations.KerasCallback(home=home, name="keras")
    history = model.fit(x, x.sum(1), epochs=3, validation_split=0.25, verbose=0, callbacks=[hook]).history
    (run,) = rows("FROM runs JOIN training_sessions USING (id)", home)
    assert (run["name"], run["status"], run["total_epochs"]) == ("keras", "completed", 3)
    epochs = rows("FROM training_epochs ORDER BY epoch", home)
    assert [row["train_loss"] for row in epochs] == pytest.approx(history["loss"])
    assert [row["val_loss"] for row in epochs] == pytest.approx(history["val_loss"])
    assert [row["learning_rate"] for row in epochs] == pytest.approx([0.05] * 3)
    scores = rows("SELECT value FROM metrics WHERE name = 'val_mae' ORDER BY epoch", home)
    assert [row["value"] for row in scores] == pytest.approx(history["val_mae"])


def test_a_keras_fit_stops_when_its_run_is_cancelled(home: Path) -> None:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = library("keras")
    import numpy as np

    class Cancel(keras.callbacks.Callback):  # type: ignore[name-defined,misc]
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if epoch == 1:
                (hook._run.yard.run(hook._run.id).cancel).touch()

    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", loss="mse")
    hook = runyard.integrations.KerasCallback(home=home)
    model.fit(np.ones((8, 2)), np.ones(8), epochs=50, batch_size=4, verbose=0, callbacks=[hook, Cancel()])
    (run,) = rows("FROM runs JOIN training_sessions USING (id)", home)
    assert (run["status"], run["completed_epochs"]) == ("cancelled", 3), "the epoch after the word is the last"


def test_an_optuna_study_stops_when_its_run_is_cancelled(home: Path) -> None:
    optuna = library("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with runyard.init(home=home) as run:
        (home / "runs" / str(run.id) / "cancel").touch()
        study = optuna.create_study()
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=50,
                       callbacks=[runyard.integrations.OptunaCallback()])  # fmt: skip
        assert len(study.trials) == 1
        assert not run.has_ended, "who opened it ends it"


def test_an_optuna_study_becomes_a_run(home: Path) -> None:
    optuna = library("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def objective(trial: Any) -> float:
        x = trial.suggest_float("x", -1, 1)
        trial.suggest_categorical("kind", ["a", "b"])
        if trial.number == 2:
            raise optuna.TrialPruned
        return float(x**2)

    study = optuna.create_study(study_name="parabola", sampler=optuna.samplers.RandomSampler(seed=7))
    study.optimize(objective, n_trials=5, callbacks=[runyard.integrations.OptunaCallback(home=home)])
    runyard.finish()
    assert [row["name"] for row in rows("FROM runs", home)] == ["parabola"]
    (best,) = rows("FROM metric_summary WHERE name = 'objective'", home)
    assert (best["goal"], best["points"]) == ("min", 4)
    assert (best["best_value"], best["best_step"]) == (study.best_value, study.best_trial.number + 1)
    (x,) = rows("FROM metric_summary WHERE name = 'params/x'", home)
    assert x["points"] == 5


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keras", None)
    monkeypatch.delitem(sys.modules, "keras.callbacks", raising=False)
    monkeypatch.delitem(vars(runyard.integrations), "KerasCallback", raising=False)
    with pytest.raises(Unavailable, match="needs keras"):
        _ = runyard.integrations.KerasCallback
    with pytest.raises(AttributeError):
        _ = runyard.integrations.FastaiCallback


def test_asking_for_the_hooks_imports_no_library() -> None:
    code = "import runyard.integrations, sys; print({'torch', 'transformers', 'keras', 'duckdb'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_run_of_its_own_takes_what_its_maker_says_first(home: Path) -> None:
    hook = attached.Attached(home=home, agent="mine", config={"learning_rate": 0.5})
    run = hook._begin({"learning_rate": 0.1, "epochs": 3, "batch_size": None}, agent="theirs", name="n")
    hook._end()
    assert run.has_ended
    (row,) = rows("FROM runs JOIN training_sessions USING (id)", home)
    assert (row["agent_id"], row["name"], row["total_epochs"]) == ("mine", "n", 3)
    assert row["hyperparameters"].replace(" ", "") == '{"learning_rate":0.5,"epochs":3}'
