"""`python -m runyard.train RUN_FOLDER --attempt N`: one attempt of one run, in a process of its own."""

import argparse
import fcntl
import os
import sys
from pathlib import Path

from runyard.core.paths import RunFolder
from runyard.train.interruption import Interruption

_TAKEN = 3


def main(arguments: list[str] | None = None) -> int:
    """Run the attempt unless somebody runs it already; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m runyard.train", description=__doc__)
    parser.add_argument("folder", type=Path, help="the folder of the run, with its config.yaml")
    parser.add_argument("--attempt", type=int, default=1, help="number of this incarnation, from 1")
    parser.add_argument("--together", action="store_true", help="torchrun started this process as one of several")
    parser.add_argument("--part", action="store_true", help="it is part of another run: its model is no version")
    given = parser.parse_args(arguments)
    folder = RunFolder(given.folder.absolute())
    if not folder.config.is_file():
        parser.error(f"{folder.config} does not exist")
    interruption = Interruption()
    if given.together and (rank := int(os.environ["RANK"])):
        interruption.install()
        set_environment(folder)
        from runyard.train.follower import follow
        from runyard.train.parallel import end

        end(follow(folder, given.attempt, rank, interruption))
    lock = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    if not _take(lock, given.attempt):
        return _TAKEN if given.together else 0  # torchrun then ends the others, too
    interruption.install()
    set_environment(folder)
    from runyard.train.runner import run_attempt

    code = run_attempt(folder, given.attempt, interruption, is_part=given.part, together=given.together)
    if given.together:
        from runyard.train.parallel import end

        end(code)
    return code


def _take(lock: int, attempt: int) -> bool:
    """Take the run's folder, which holds the number of its newest attempt; False when that one is ours already.

    The process of the attempt before may still be at its last ingest when somebody resumes the run: wait for its end.
    """
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if _newest(lock) >= attempt:
            return False
        fcntl.flock(lock, fcntl.LOCK_EX)
    if _newest(lock) >= attempt:
        return False
    os.pwrite(lock, b"%d" % attempt, 0)
    return True


def _newest(lock: int) -> int:
    return int(os.pread(lock, 20, 0) or b"0")


def set_environment(folder: RunFolder) -> None:
    """Set what numerical libraries read once, when they are imported: threads, and no network."""
    from runyard.config.run import load_run_config
    from runyard.core.errors import RunyardError

    try:
        threads = load_run_config(folder.config).resources.threads
    except RunyardError:
        threads = 1  # the attempt reads the config again and journals what is wrong with it
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


if __name__ == "__main__":
    sys.exit(main())
