"""The life of one attempt: from `started` to `ended`, whatever happens in between."""

import shutil
import traceback
from contextlib import suppress
from dataclasses import replace
from typing import Any

from runyard.config.estimators import ESTIMATORS
from runyard.config.models import EncoderLogreg, Majority, TfidfLogreg
from runyard.config.reinforcement import is_rewarded
from runyard.config.run import load_run_config
from runyard.core import usage
from runyard.core.clock import iso, now
from runyard.core.journal import RunJournal
from runyard.core.paths import RunFolder, Yard
from runyard.core.settings import Settings
from runyard.train.attempt import Attempt
from runyard.train.data_facts import journal_data
from runyard.train.files import write_manifest
from runyard.train.follower import forget_what_others_said, what_others_said
from runyard.train.heartbeat import Heartbeat
from runyard.train.interruption import Interruption
from runyard.train.mirrors import MirroredJournal, add_mirrors
from runyard.train.outcome import Cancelled, Failure, Outcome, failure_of
from runyard.train.patience import with_room
from runyard.train.progress import Progress

_BALLAST, _BALLAST_BYTES, _BESIDE = "ballast", 65_536, "model.tmp"
_SPOKEN = ("train_loss", "val_loss", "level", "status", "error_message", "message", "hint", "best_epoch", "path")


class SpokenJournal(RunJournal):
    """A journal whose events, other than metrics, are also a line each of the run's log."""

    def emit(self, kind: str, /, **fields: Any) -> None:
        super().emit(kind, **fields)
        shown = {key: fields[key] for key in ("epoch", "step", *_SPOKEN) if fields.get(key) not in (None, "")}
        words = (f"{k}={v:.6g}" if isinstance(v, float) else f"{k}={v}" for k, v in shown.items())
        with suppress(OSError):  # a full disk: the log goes without this line, the journal has it
            print(iso(now()), self.run_id[:8], kind, *words, flush=True)


def run_attempt(
    folder: RunFolder, attempt: int, interruption: Interruption, *, is_part: bool = False, together: bool = False
) -> int:
    """Run one attempt to its end; return the exit code: 0 completed, 1 failed or cancelled.

    Args:
        is_part: it is a trial, a fold or an arm: its model is no version, and is not benchmarked.
        together: this is the first of several processes that torchrun started.
    """
    from runyard.store.ingest import Ticker

    yard = Settings.from_env(folder.path.parent.parent).yard
    pen = SpokenJournal(MirroredJournal(folder.journal(attempt)), folder.path.name, attempt)
    ticker = Ticker(yard)
    ticker.start()
    try:
        # Room for the last words of a run that fills the disk: the file is dropped before they are written.
        with_room(lambda: (folder.path / _BALLAST).write_bytes(b"\0" * _BALLAST_BYTES), folder.path)
        forget_what_others_said(folder)
        code = _from_start_to_end(folder, yard, pen, interruption, together=together)
        if code == 0 and not is_part and not interruption.signalled.is_set():
            _benchmark(folder, yard, pen)
        return code
    except OSError as error:
        # The journal itself cannot be written: whoever looks after lost runs will find this one.
        traceback.print_exception(error)
        return 1
    finally:
        try:
            pen.journal.close()
        except OSError as error:
            traceback.print_exception(error)
        ticker.stop()


def _from_start_to_end(
    folder: RunFolder, yard: Yard, pen: RunJournal, interruption: Interruption, *, together: bool
) -> int:
    progress = Progress()
    heartbeat = Heartbeat(pen, progress)
    ended: dict[str, Any]
    outcome = Outcome()
    try:
        interruption.impatient()
        if folder.cancel.exists():
            raise Cancelled
        heartbeat.start()
        outcome = _train(folder, yard, pen, interruption, progress, together=together)
        ended = {"status": "completed"}
    except Cancelled as error:
        # Before the first step torchrun ends the others, too, when one of several processes is gone: nobody asked.
        alone = not together or progress.step or folder.cancel.exists()
        failure = None if alone else what_others_said(folder, failure_of(error))
        ended = {"status": "cancelled"} if failure is None else _failed(failure)
    except BaseException as error:  # noqa: BLE001 - the edge of the process: every end is journalled
        traceback.print_exception(error)
        failure = failure_of(error)
        ended = _failed(what_others_said(folder, failure) if together else failure)
    interruption.patient()
    heartbeat.stop()
    (folder.path / _BALLAST).unlink(missing_ok=True)
    shutil.rmtree(folder.path / _BESIDE, ignore_errors=True)
    pen.emit(
        "ended",
        **ended,
        early_stopped=progress.stopped,
        memory_peak_gb=usage.memory_peak_gb(),
        cpu_seconds=progress.cpu_seconds + progress.cpu_beside + usage.cpu_seconds(),
        energy_kwh=heartbeat.energy.kwh,
        energy_meters=heartbeat.energy.meters,
        tokens=outcome.tokens or progress.tokens,
        steps=outcome.steps or progress.step,
        model_path=outcome.model_path,
        model_sha256=outcome.model_sha256,
        model_bytes=outcome.model_bytes,
    )
    return 0 if ended["status"] == "completed" else 1


def _failed(failure: Failure) -> dict[str, Any]:
    return {
        "status": "failed",
        "error_kind": failure.kind,
        "error_message": failure.message,
        "error_hint": failure.hint or None,
        "error_details": failure.details,
    }


def _train(
    folder: RunFolder,
    yard: Yard,
    pen: RunJournal,
    interruption: Interruption,
    progress: Progress,
    *,
    together: bool,
) -> Outcome:
    config, settings = load_run_config(folder.config), Settings.from_env(home=yard.home)
    attempt = Attempt(folder, yard, config, settings, pen, interruption, progress, together)
    add_mirrors(
        pen.journal, config, folder, yard, pen.attempt, lambda message, hint: attempt.notice("warning", message, hint)
    )
    beside = folder.path / _BESIDE
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    journal_data(attempt)
    # Each family imports what it needs and no more: seconds and hundreds of megabytes.
    if isinstance(config.model, TfidfLogreg | EncoderLogreg):
        from runyard.train.baselines import run_baseline

        outcome = run_baseline(attempt, beside)
    elif config.training_type == "reinforcement":
        from runyard.train.reinforcement import run_reinforcement

        outcome = run_reinforcement(attempt, beside)
    elif isinstance(config.model, Majority):
        from runyard.train.majority import run_majority

        outcome = run_majority(attempt, beside)
    elif isinstance(config.model, ESTIMATORS):
        from runyard.train.tabular import run_tabular

        outcome = run_tabular(attempt, beside)
    else:
        from runyard.train.network import run_network

        outcome = run_network(attempt, beside)
    sha256 = with_room(lambda: write_manifest(beside), beside)
    size = sum(path.stat().st_size for path in beside.iterdir())
    shutil.rmtree(folder.model, ignore_errors=True)
    beside.rename(folder.model)
    return replace(outcome, model_path=folder.model.name, model_sha256=sha256, model_bytes=size)


def _benchmark(folder: RunFolder, yard: Yard, pen: RunJournal) -> None:
    """Judge the model as it was saved on what its training held out; the run is completed, whatever comes of it."""
    from runyard.train import suites
    from runyard.train.benchmark import benchmark
    from runyard.train.saved import load_saved

    try:
        config = load_run_config(folder.config)
        rewarded = config.training_type == "reinforcement" and is_rewarded(config.reinforcement)
        if config.evaluation.benchmark and not rewarded:  # prompts without an answer: their reward is the benchmark
            suite = suites.held_out(config, yard)
            for row in benchmark(load_saved(folder.model), suite, config.evaluation.metrics, folder.path.name):
                pen.emit("benchmark", **row)
    except Exception as error:  # noqa: BLE001 - what went wrong is told beside the finished run
        traceback.print_exception(error)
        message = f"The saved model could not be benchmarked: {failure_of(error).message}"
        pen.emit("notice", level="warning", message=message, hint=f"Try again: runyard benchmark {folder.path.name}")
