"""Preference and reward optimisation of a language model by TRL's trainers; a callback writes what happens."""

import copy
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from runyard.config.models import CausalLm
from runyard.config.reinforcement import Dpo
from runyard.config.run import RunConfig
from runyard.config.schedules import lr_at
from runyard.core.errors import Unavailable
from runyard.core.ids import new_id
from runyard.core.paths import Yard
from runyard.data.dialogues import Message
from runyard.data.preferences import Preferences, read_preferences
from runyard.data.sources import find_model, find_source
from runyard.data.split import chosen_of, sampled, split
from runyard.train import precision
from runyard.train.answers import answered, questions
from runyard.train.attempt import Attempt
from runyard.train.dialogue_tokens import Writer, writer_of
from runyard.train.encoder import check_length
from runyard.train.files import sha256_of
from runyard.train.language_model import Form, load_language_model, save_language_model
from runyard.train.optimizers import build_optimizers
from runyard.train.outcome import Cancelled, Outcome
from runyard.train.rewards import build_reward
from runyard.train.text import with_adapters
from runyard.train.trl_checkpoints import newest_checkpoint, stopping_rule
from runyard.train.trl_journal import TrlJournal

Row = dict[str, Any]


def run_reinforcement(attempt: Attempt, folder: Path) -> Outcome:
    """Train by TRL, journal each epoch, and save the model of the best one to `folder`.

    Raises:
        Cancelled, Diverged, RunyardError: as a network's run.
        Unavailable: TRL is not installed.
    """
    try:
        trl: Any = import_module("trl")
        datasets: Any = import_module("datasets")
    except ImportError as error:
        message = f"Reinforcement needs the package trl, which is not installed: {error}"
        raise Unavailable(message, hint="pip install 'runyard[reinforcement]'") from error
    config, part, algorithm = attempt.config, attempt.config.model, attempt.config.reinforcement
    assert isinstance(part, CausalLm)
    device = precision.pick_device(config.resources, gpu_enabled=attempt.settings.gpu_enabled)
    attempt.started(precision.device_name(device), accelerators=1)
    precision.set_determinism(config.seed, config.resources.threads, device)
    model, tokenizer = load_language_model(find_model(part.base_model, attempt.yard))
    check_length(tokenizer, model, config.hyperparameters.max_length)
    data, training, validation, facts = _read(config, attempt.yard)
    writer = writer_of(tokenizer, "pairs", config.training_data.template, config.hyperparameters.max_length)
    rows = [_row(writer, data, number) for number in range(len(data.prompts))]
    bfloat16 = precision.is_bfloat16(device, config.optimization.mixed_precision, attempt.notice)
    given: Row = {
        "model": model,
        "args": _arguments(trl, config, attempt.folder.checkpoints / "trl", device, bfloat16=bfloat16),
        "train_dataset": datasets.Dataset.from_list([rows[number] for number in training]),
        "eval_dataset": datasets.Dataset.from_list([rows[number] for number in validation]),
        "processing_class": tokenizer,
    }
    if config.method == "lora":
        adapted = with_adapters(model, part.lora, task="CAUSAL_LM")
        given |= {"peft_config": adapted.peft_config["default"], "model": adapted.unload()}
    if isinstance(algorithm, Dpo):
        base = trl.DPOTrainer
        given |= {} if config.method == "lora" else {"ref_model": copy.deepcopy(model)}
    else:
        base = trl.GRPOTrainer if algorithm.kind == "grpo" else trl.RLOOTrainer
        judge = build_reward(algorithm.reward, attempt.yard)

        def reward(completions: list[Any], **_: Any) -> list[float]:
            return judge([one if isinstance(one, str) else one[-1]["content"] for one in completions])

        given["reward_funcs"] = reward
    trainer = _stepped(base, config)(**given)
    from transformers import PrinterCallback

    writes = TrlJournal(attempt, {"base_model": part.base_model, **facts, **_sizes(trainer.model)})
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(writes)
    newest = newest_checkpoint(attempt.folder.checkpoints / "trl")
    if config.optimization.early_stopping.enabled:
        trainer.add_callback(stopping_rule(config, newest))
    held_out = [_told(data, number) for number in validation]
    asked = questions(writer, "pairs", held_out, config.evaluation.samples)
    attempt.interruption.patient()
    if newest is None:
        _samples(attempt, trainer, tokenizer, asked, "before")
    trainer.train(resume_from_checkpoint=newest)
    if writes.cancelled:
        raise Cancelled
    writes.say_early_stop(trainer.state)
    _samples(attempt, trainer, tokenizer, asked, "after")
    kept = writes.best if trainer.args.load_best_model_at_end else writes.last
    _benchmark(attempt, kept, len(validation), facts["dataset_id"])
    _save(trainer.accelerator.unwrap_model(trainer.model), tokenizer, writer, config, folder)
    return Outcome(steps=int(trainer.state.global_step), tokens=writes.tokens)


def _read(config: RunConfig, yard: Yard) -> tuple[Preferences, list[int], list[int], Row]:
    source, rule = find_source(config.training_data, yard), config.training_data
    data = read_preferences(source, rule, paired=isinstance(config.reinforcement, Dpo))
    numbers = sampled([""] * len(data.prompts), rule.max_examples)
    training, validation = split(
        [""] * len(numbers),
        chosen_of(data.groups, numbers),
        chosen_of(data.held_out, numbers),
        rule,
        chosen_of(data.times, numbers),
        classified=False,
    )
    assert source.path is not None
    facts = {
        "dataset_id": f"{source.name}@{sha256_of(source.path)[:12]}",
        "dataset_size": len(training),
        "validation_size": len(validation),
    }
    return data, [numbers[i] for i in training], [numbers[i] for i in validation], facts


def _row(writer: Writer, data: Preferences, number: int) -> Row:
    """Return an example as TRL reads it: messages where the model has a chat template, else texts."""
    parts: dict[str, list[Message]] = {"prompt": data.prompts[number]}
    if data.chosen:
        parts |= {"chosen": data.chosen[number], "rejected": data.rejected[number]}
    if writer.template == "chat":
        return dict(parts)
    texts = {name: "\n".join(message["content"] for message in messages) for name, messages in parts.items()}
    return {**texts, "prompt": texts["prompt"] if texts["prompt"][-1:].isspace() else f"{texts['prompt']}\n"}


def _told(data: Preferences, number: int) -> list[Message]:
    answer = data.chosen[number] if data.chosen else [{"role": "assistant", "content": ""}]
    return [*data.prompts[number], *answer]


def _arguments(trl: Any, config: RunConfig, folder: Path, device: torch.device, *, bfloat16: bool) -> Any:
    """Return the arguments of TRL's trainer; what Runyard does itself is left off."""
    hyper, optimization, algorithm = config.hyperparameters, config.optimization, config.reinforcement
    stopping = optimization.early_stopping
    shared: Row = {
        "output_dir": str(folder),
        "num_train_epochs": hyper.epochs,
        "per_device_train_batch_size": hyper.batch_size,
        "per_device_eval_batch_size": hyper.batch_size,
        "gradient_accumulation_steps": hyper.gradient_accumulation,
        "learning_rate": hyper.learning_rate,
        "max_grad_norm": optimization.gradient_clipping or 1e9,  # at 0 the norm would not be measured either
        "logging_steps": config.monitoring.log_every_steps,
        "logging_nan_inf_filter": False,
        "eval_strategy": "epoch",
        "save_strategy": "epoch",
        "save_total_limit": optimization.keep_checkpoints,
        "load_best_model_at_end": config.evaluation.save_best_model,
        "metric_for_best_model": "eval_loss" if stopping.monitor == "val_loss" else "eval_reward",
        "greater_is_better": stopping.mode == "max",
        "seed": config.seed,
        "data_seed": config.seed,
        "bf16": bfloat16,
        "gradient_checkpointing": config.resources.gradient_checkpointing,
        "use_cpu": device.type == "cpu",
        "report_to": "none",
        "disable_tqdm": True,
    }
    if isinstance(algorithm, Dpo):
        return trl.DPOConfig(
            **shared, beta=algorithm.beta, label_smoothing=algorithm.label_smoothing, max_length=hyper.max_length
        )
    own: Row = {
        "beta": algorithm.beta,
        "num_generations": algorithm.generations,
        "max_completion_length": algorithm.answer_tokens,
        "temperature": algorithm.temperature,
    }
    return (trl.GRPOConfig if algorithm.kind == "grpo" else trl.RLOOConfig)(**shared, **own)


def _stepped(base: Any, config: RunConfig) -> Any:
    """Return a trainer that steps with the optimizer and the schedule of the config."""
    hyper, optimization = config.hyperparameters, config.optimization

    class Stepped(base):  # type: ignore[misc]
        optimizer: Any
        lr_scheduler: Any

        def create_optimizer(self, *_: Any, **__: Any) -> Any:
            if self.optimizer is None:
                self.optimizer = build_optimizers(
                    optimization.optimizer, self.model, lr=hyper.learning_rate, weight_decay=hyper.weight_decay
                )[0]
            return self.optimizer

        def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
            def factor(step: int) -> float:
                rate = lr_at(optimization.schedule, step, base=hyper.learning_rate, warmup=hyper.warmup_steps,
                             total=num_training_steps)  # fmt: skip
                return rate / hyper.learning_rate

            if self.lr_scheduler is None:
                self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer or self.optimizer, factor)
            return self.lr_scheduler

        def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
            super()._load_optimizer_and_scheduler(checkpoint)
            if checkpoint is not None:
                # What was saved brings the rate of the attempt before, which this one may have changed.
                set_rate(self.optimizer, self.lr_scheduler, hyper.learning_rate)

    return Stepped


def set_rate(optimizer: Any, scheduler: Any, rate: float) -> None:
    """Let a schedule of torch go on from where it is, with another learning rate as its base."""
    scheduler.base_lrs = [rate] * len(scheduler.base_lrs)
    now = [rate * factor(scheduler.last_epoch) for factor in scheduler.lr_lambdas]
    for group, current in zip(optimizer.param_groups, now, strict=True):
        group["initial_lr"], group["lr"] = rate, current
    scheduler._last_lr = now


def _sizes(model: Any) -> Row:
    parameters = list(model.parameters())
    trained = sum(p.numel() for p in parameters if p.requires_grad)
    return {"parameters": sum(p.numel() for p in parameters), "trainable_parameters": trained}


def _samples(attempt: Attempt, trainer: Any, tokenizer: Any, asked: Any, moment: str) -> None:
    if asked:
        tokens = attempt.config.evaluation.sample_tokens
        made = answered(trainer.accelerator.unwrap_model(trainer.model), tokenizer, asked, tokens=tokens)
        attempt.pen.emit("samples", moment=moment, step=trainer.state.global_step, samples=[vars(one) for one in made])


def _benchmark(attempt: Attempt, reward: float | None, examples: int, dataset: str) -> None:
    """Journal the mean reward of the saved model's answers to the held-out prompts."""
    algorithm, (source, _, sha256) = attempt.config.reinforcement, dataset.partition("@")
    if reward is None or isinstance(algorithm, Dpo) or not attempt.config.evaluation.benchmark:
        return
    attempt.pen.emit(
        "benchmark",
        id=str(new_id()),
        model_version_id=attempt.folder.path.name,
        benchmark_name=f"{source}/held-out@{sha256[:8]}:{algorithm.reward.kind}-reward",
        metric="reward",
        higher_is_better=True,
        accuracy_score=reward,
        n_examples=examples,
    )


def _save(model: Any, tokenizer: Any, writer: Writer, config: RunConfig, folder: Path) -> None:
    part = config.model
    assert isinstance(part, CausalLm)
    alone = config.method == "lora" and part.adapter == "adapter"
    model = model.cpu().eval()
    whole = model.merge_and_unload(safe_merge=True) if config.method == "lora" and not alone else model
    form = Form(writer.template, writer.max_length, part.base_model, alone, config.evaluation.sample_tokens)
    save_language_model(folder, whole, tokenizer, form)
