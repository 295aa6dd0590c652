"""Reinforcement by TRL: preferences and rewards move a tiny model, and the journal says how."""

from __future__ import annotations

import math
import platform
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import speech

from runyard.config.reinforcement import KeywordReward, LengthReward, PatternReward
from runyard.config.run import load_run_config, parse_run_config
from runyard.core.errors import Invalid
from runyard.core.journal import Journal, RunJournal
from runyard.data.preferences import read_preferences
from runyard.data.sources import find_source
from runyard.runtime import open_runtime
from runyard.service.queueing import queue
from runyard.service.recovery import recover
from runyard.train.reinforcement import _read
from runyard.train.rewards import build_reward

MODEL = "tiny-plain"


@pytest.fixture
def prefer(bench: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Pairs whose chosen answer is a colour and whose rejected one is not, as a config of DPO."""
    speech.save_model(bench.yard.models / MODEL, template=None)
    things = list(speech.COLOURS)
    rows = [
        {"prompt": f"the {things[i % 6]} is", "chosen": speech.COLOURS[things[i % 6]], "rejected": "the now"}
        for i in range(40)
    ]
    speech.write_rows(bench.yard.datasets / "prefer.jsonl", rows)
    return {
        "model": {"model_type": "causal_lm", "base_model": MODEL},
        "training_type": "reinforcement",
        "training_data": {"source": "prefer"},
        "evaluation": {"samples": 2, "sample_tokens": 4},
        "learning_rate": 0.02,
        "batch_size": 8,
        "epochs": 2,
        "max_length": 32,
        "seed": 1,
    }


@pytest.mark.slow
def test_preferences_and_rewards_move_the_model(bench: Any, prefer: dict[str, Any]) -> None:
    """In one process of their own: TRL takes seconds to import."""
    chosen = bench.prepare(**prefer, optimization={"checkpoint_frequency": 3})
    reward = {"kind": "keywords", "words": ["blue"]}
    rewarded = bench.prepare(**{
        **prefer, "method": "full", "epochs": 3, "learning_rate": 0.01,
        "reinforcement": {"kind": "grpo", "generations": 8, "answer_tokens": 4, "reward": reward},
    })  # fmt: skip
    code = (
        "import sys; from runyard.train.__main__ import main\n"
        f"sys.exit(main([{str(chosen.path)!r}]) * 2 + main([{str(rewarded.path)!r}]))"
    )
    exit_code, story = bench.finish(chosen, code=code)
    assert exit_code == 0, chosen.log.read_text()

    epochs = story.epochs()
    assert [epoch["epoch"] for epoch in epochs] == [1, 2]
    assert epochs[0]["train_loss"] < 1
    assert epochs[1]["val_loss"] < epochs[0]["val_loss"] < math.log(2), (
        "better than not knowing which is the chosen one"
    )
    scores = {metric["name"]: metric["value"] for metric in epochs[1]["metrics"]}
    assert scores["reward_accuracy"] > 0.9
    assert scores["reward_margin"] > 0
    assert len(story.curve("train/reward_margin")) == epochs[1]["step"] == 8
    assert {event["metric"] for event in story.of("benchmark")} == {"perplexity", "token_accuracy"}
    assert [event["moment"] for event in story.of("samples")] == ["before", "after"]
    assert [event["step"] for event in story.of("checkpoint")] == [3, 4, 6, 8]
    planned = story.of("planned")[0]
    assert (planned["dataset_size"], planned["validation_size"], planned["total_steps"]) == (32, 8, 8)
    assert planned["trainable_parameters"] < planned["parameters"]

    second = bench.story(rewarded)
    assert second.ended["status"] == "completed"
    rewards = [epoch["val_metric"] for epoch in second.epochs()]
    assert rewards[-1] > rewards[0]
    assert all("val_loss" not in epoch for epoch in second.epochs())
    assert second.curve("train/kl")
    assert set(second.curve("train/completion_length").values()) <= {x / 8 for x in range(8, 33)}
    benchmark = second.of("benchmark")
    assert [(row["metric"], row["accuracy_score"]) for row in benchmark] == [("reward", max(rewards))]
    assert_loads_in_transformers(rewarded.model)


def assert_loads_in_transformers(folder: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    prompt = tokenizer("the snow is\n", return_tensors="pt", return_token_type_ids=False)
    said = tokenizer.decode(model.generate(**prompt, max_new_tokens=4, do_sample=False)[0])
    assert "blue" in said, said


def test_rewards_are_what_they_say() -> None:
    answers = ["one two three", "", "Yes: 42", "a b c d e f"]
    assert build_reward(LengthReward(words=3), None)(answers) == pytest.approx([1, 0, 2 / 3, 0])  # type: ignore[arg-type]
    assert build_reward(PatternReward(pattern=r"^\w+: \d+$"), None)(answers) == [0, 0, 1, 0]  # type: ignore[arg-type]
    words = KeywordReward(words=("yes", "TWO"), avoid=("three",))
    assert build_reward(words, None)(answers) == [-0.5, 0, 0.5, 0]  # type: ignore[arg-type]


def test_a_classifier_may_be_the_reward(bench: Any, learned: Any) -> None:
    from runyard.config.reinforcement import ClassifierReward

    folder = learned(bench, training_data={"source": "reviews"}, model={"model_type": "tfidf_logreg"})
    reward = build_reward(ClassifierReward(model=folder.path.name, label="great"), bench.yard)
    good, bad, nothing = reward(["fresh tasty lovely", "stale bitter burnt", ""])
    assert good > 0.6 > 0.4 > bad
    assert nothing == 0
    with pytest.raises(Invalid, match="does not know the wanted class"):
        build_reward(ClassifierReward(model=folder.path.name, label="superb"), bench.yard)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"model": {"model_type": "cnn1d"}}, "training_type"),
        ({"reinforcement": {"kind": "grpo", "generations": 3}}, "hyperparameters.batch_size"),
        (
            {"reinforcement": {"kind": "rloo", "reward": {"kind": "pattern", "pattern": "("}}},
            "reinforcement.reward.pattern",
        ),
        ({"reinforcement": "ppo"}, "reinforcement"),
        ({"optimization": {"optimizer": "muon"}}, "optimization.optimizer"),
        ({"optimization": {"early_stopping": {"monitor": "reward"}}}, "optimization.early_stopping.monitor"),
        ({"training_type": "fine_tuning", "reinforcement": "grpo"}, "reinforcement"),
        ({"optimization": {"validation_frequency": 5}}, "optimization.validation_frequency"),
        ({"optimization": {"ema": {"enabled": True}}}, "optimization.ema"),
        ({"optimization": {"freezing": {"frozen_layers": 1}}}, "optimization.freezing"),
        ({"optimization": {"skip_nonfinite_steps": 2}}, "optimization.skip_nonfinite_steps"),
        ({"optimization": {"keep_best": 3}}, "optimization.keep_best"),
        ({"optimization": {"loss": {"label_smoothing": 0.1}}}, "optimization.loss.label_smoothing"),
        ({"resources": {"devices": 2}}, "resources.devices"),
        ({"monitoring": {"track_weights": False}}, "monitoring.track_weights"),
        ({"monitoring": {"track_activations": True}}, "monitoring.track_activations"),
        ({"monitoring": {"gradient_histogram_frequency": 5}}, "monitoring.gradient_histogram_frequency"),
        ({"monitoring": {"layer_norm_frequency": 0}}, "monitoring.layer_norm_frequency"),
    ],
)
def test_what_contradicts_itself_is_named(changes: dict[str, Any], path: str) -> None:
    values = {"model": {"model_type": "causal_lm"}, "training_type": "reinforcement", "training_data": {"source": "x"}}
    with pytest.raises(Invalid) as said:
        parse_run_config({**values, **changes})
    assert path in {problem.path for problem in said.value.problems}


def test_pairs_split_by_time_hold_the_newest_out(bench: Any, prefer: dict[str, Any]) -> None:
    rows = [{"prompt": f"p{n}", "chosen": "b", "rejected": "c", "at": 7 * n % 40} for n in range(40)]
    speech.write_rows(bench.yard.datasets / "prefer.jsonl", rows)
    by_time = {"source": "prefer", "split_by": "time", "time_column": "at"}
    _, training, validation, _ = _read(parse_run_config({**prefer, "training_data": by_time}), bench.yard)
    assert {rows[number]["at"] for number in validation} == set(range(32, 40))
    assert {rows[number]["at"] for number in training} == set(range(32))


def _checkpoint(folder: Path, state: str = "{}") -> Path:
    folder.mkdir(parents=True)
    for name in ("adapter_model.safetensors", "optimizer.pt"):
        (folder / name).write_bytes(b"")
    (folder / "trainer_state.json").write_text(state)
    return folder


def test_the_newest_whole_checkpoint_is_gone_on_from(tmp_path: Path) -> None:
    from runyard.train.trl_checkpoints import newest_checkpoint

    assert newest_checkpoint(tmp_path / "none") is None
    whole = _checkpoint(tmp_path / "checkpoint-9")
    _checkpoint(tmp_path / "checkpoint-10", state='{"epoch": ')
    (_checkpoint(tmp_path / "checkpoint-11") / "adapter_model.safetensors").unlink()
    (tmp_path / "checkpoint-12").mkdir()
    assert newest_checkpoint(tmp_path) == str(whole)


@pytest.mark.parametrize("file", ["adapter_model.safetensors", "optimizer.pt", "manifest.json"])
def test_a_checkpoint_of_trl_that_was_damaged_is_passed_over(bench: Any, prefer: dict[str, Any], file: str) -> None:
    from threading import Event
    from types import SimpleNamespace

    from runyard.train.trl_checkpoints import newest_checkpoint
    from runyard.train.trl_journal import TrlJournal

    run = bench.prepare(**prefer)
    folder = run.checkpoints / "trl"
    pen = RunJournal(Journal(run.journal(1)), run.path.name)
    attempt: Any = SimpleNamespace(pen=pen, progress=None, folder=run, interruption=SimpleNamespace(signalled=Event()))
    journal = TrlJournal(attempt, {})
    for step in (9, 10):
        _checkpoint(folder / f"checkpoint-{step}")
        (folder / f"checkpoint-{step}" / "optimizer.pt").write_bytes(b"moments")
        (folder / f"checkpoint-{step}" / "adapter_model.safetensors").write_bytes(b"weights")
        state = SimpleNamespace(global_step=step, epoch=step / 4)
        journal.on_save(SimpleNamespace(output_dir=str(folder)), state, None)
    pen.journal.close()
    assert newest_checkpoint(folder) == str(folder / "checkpoint-10")
    path = folder / "checkpoint-10" / file
    path.write_bytes(path.read_bytes()[:-3])
    assert newest_checkpoint(folder) == str(folder / "checkpoint-9")


def test_going_back_puts_checkpoints_of_trl_aside(tmp_path: Path) -> None:
    from runyard.core.paths import RunFolder
    from runyard.service.checkpoints import gone_back

    folder = RunFolder(tmp_path)
    for step in (4, 8, 12):
        _checkpoint(folder.checkpoints / "trl" / f"checkpoint-{step}")
    with gone_back(folder, 4, 1):
        pass
    assert [path.name for path in (folder.checkpoints / "trl").iterdir()] == ["checkpoint-4"]
    aside = folder.checkpoints / "abandoned-1" / "trl"
    assert sorted(path.name for path in aside.iterdir()) == ["checkpoint-12", "checkpoint-8"]


def test_after_it_diverged_the_last_good_epoch_is_gone_on_from(bench: Any, prefer: dict[str, Any]) -> None:
    folder = bench.prepare(**prefer)
    run = folder.path.name
    rt = open_runtime(bench.yard.home)
    queue(rt, UUID(run), load_run_config(folder.config), attempt=1, launched_by="cli")
    pen = RunJournal(Journal(folder.journal(1)), run)
    pen.emit("started", host=platform.node(), pid=1, device="cpu", accelerators=1)
    for epoch, loss in ((1, 0.6), (2, 0.5), (3, 9.0)):
        pen.epoch(epoch, step=4 * epoch, train_loss=loss, val_loss=loss)
        _checkpoint(folder.checkpoints / "trl" / f"checkpoint-{4 * epoch}")
    pen.emit("ended", status="failed", error_kind="diverged", error_message="The loss is not finite.")
    pen.journal.close()
    rt.store.ingest()
    assert recover(rt) == [UUID(run)]
    rt.close()
    assert sorted(path.name for path in (folder.checkpoints / "trl").iterdir()) == ["checkpoint-4", "checkpoint-8"]
    assert load_run_config(folder.config).hyperparameters.learning_rate < prefer["learning_rate"]


def test_after_a_resume_early_stopping_has_waited_as_long(tmp_path: Path) -> None:
    from transformers import TrainerState
    from transformers.trainer_callback import EarlyStoppingCallback

    from runyard.train.trl_checkpoints import stopping_rule

    values = {"model": {"model_type": "causal_lm"}, "training_type": "reinforcement", "training_data": {"source": "x"}}
    config = parse_run_config({**values, "optimization": {"early_stopping": {"patience": 7, "threshold": 0.5}}})
    before = EarlyStoppingCallback(3, 0.1)
    before.early_stopping_patience_counter = 2
    TrainerState(stateful_callbacks=[before]).save_to_json(str(tmp_path / "trainer_state.json"))
    resumed = stopping_rule(config, str(tmp_path))
    assert (resumed.early_stopping_patience_counter, resumed.early_stopping_patience) == (2, 7)
    (tmp_path / "trainer_state.json").write_text("{}")
    assert stopping_rule(config, str(tmp_path)).early_stopping_patience_counter == 0
    assert stopping_rule(config, None).early_stopping_patience_counter == 0


def test_early_stopping_may_be_switched_on_for_a_resume(bench: Any, prefer: dict[str, Any]) -> None:
    """A trainer saves the state of its callbacks where the checkpoint it came from had a place for them."""
    from threading import Event
    from types import SimpleNamespace

    from runyard.train.trl_journal import TrlJournal

    run = bench.prepare(**prefer, optimization={"early_stopping": {"patience": 2}})
    pen = RunJournal(Journal(run.journal(1)), run.path.name)
    signals = SimpleNamespace(signalled=Event())
    config = load_run_config(run.config)
    attempt: Any = SimpleNamespace(pen=pen, progress=None, folder=run, interruption=signals, config=config)
    state = SimpleNamespace(global_step=4, epoch=1.0, max_steps=8, log_history=[], stateful_callbacks={})
    TrlJournal(attempt, {}).on_train_begin(None, state, None)
    pen.journal.close()
    assert state.stateful_callbacks == {"EarlyStoppingCallback": {}}


@pytest.mark.parametrize(("evaluation", "is_best"), [({}, True), ({"save_best_model": False}, False)])
def test_what_trl_is_asked_for(tmp_path: Path, evaluation: dict[str, Any], is_best: bool) -> None:
    """The weights of the best epoch where they are wanted, though it stops early; bfloat16 where the device has it."""
    from types import SimpleNamespace

    import torch

    from runyard.train.reinforcement import _arguments

    values = {"model": {"model_type": "causal_lm"}, "training_type": "reinforcement", "training_data": {"source": "x"}}
    optimization = {"early_stopping": {"patience": 2}, "mixed_precision": True}
    config = parse_run_config({**values, "evaluation": evaluation, "optimization": optimization})
    trl = SimpleNamespace(DPOConfig=dict)
    asked = _arguments(trl, config, tmp_path, torch.device("cpu"), bfloat16=False)
    assert config.optimization.early_stopping.enabled
    assert (asked["load_best_model_at_end"], asked["bf16"]) == (is_best, False)


@pytest.mark.parametrize("has", [False, True])
def test_a_device_without_bfloat16_computes_in_float32_and_says_so(monkeypatch: Any, has: bool) -> None:
    import torch

    from runyard.train import precision

    said: list[str] = []
    monkeypatch.setattr(precision, "_cpu_has_bfloat16", lambda: has)
    cpu = torch.device("cpu")
    assert precision.is_bfloat16(cpu, True, lambda *words: said.append(words[1])) is has
    assert ["no bfloat16" in words for words in said] == [True] * (not has)
    assert not precision.is_bfloat16(cpu, False, lambda *_: pytest.fail("nothing was wanted"))


def test_a_changed_learning_rate_outlives_the_loading_of_a_checkpoint(tmp_path: Path) -> None:
    import torch

    from runyard.train.reinforcement import _stepped

    class Base:
        """What a trainer of transformers does with a checkpoint."""

        def __init__(self) -> None:
            self.model, self.optimizer, self.lr_scheduler = torch.nn.Linear(2, 2), None, None

        def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
            saved = torch.load(Path(str(checkpoint)) / "both.pt")
            self.optimizer.load_state_dict(saved[0])  # type: ignore[attr-defined]
            self.lr_scheduler.load_state_dict(saved[1])  # type: ignore[attr-defined]

    def trainer(rate: float) -> Any:
        values = {"model": {"model_type": "causal_lm"}, "training_type": "reinforcement", "learning_rate": rate}
        config = parse_run_config({**values, "training_data": {"source": "x"}, "schedule": "linear"})
        made = _stepped(Base, config)()
        made.create_optimizer()
        made.create_scheduler(10)
        return made

    before, after, never_stopped = trainer(0.1), trainer(0.01), trainer(0.01)
    for made in (before, never_stopped):
        for _ in range(4):
            made.optimizer.step()
            made.lr_scheduler.step()
    torch.save((before.optimizer.state_dict(), before.lr_scheduler.state_dict()), tmp_path / "both.pt")
    after._load_optimizer_and_scheduler(str(tmp_path))
    for _ in range(3):
        rates = [[group["lr"] for group in made.optimizer.param_groups] for made in (after, never_stopped)]
        assert rates[0] == pytest.approx(rates[1])
        for made in (after, never_stopped):
            made.optimizer.step()
            made.lr_scheduler.step()


def test_pairs_without_a_preference_are_named(bench: Any, prefer: dict[str, Any]) -> None:
    config = parse_run_config(prefer)
    same = {"prompt": "a", "chosen": "b", "rejected": "b"}
    for rows, said in (
        ([{"prompt": "a", "chosen": "b"}], "rejected"),
        ([same], "chosen and rejected are the same"),
        ([{"text": "a"}], "preferences are prompt, chosen and rejected"),
    ):
        speech.write_rows(bench.yard.datasets / "prefer.jsonl", rows)
        with pytest.raises(Invalid) as error:
            read_preferences(find_source(config.training_data, bench.yard), config.training_data, paired=True)
        assert said in " ".join(map(str, error.value.problems))
