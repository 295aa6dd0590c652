"""`python -m runyard.train.apply evaluate|predict RUN_FOLDER …`: a saved model on other data, in a process of its own.

It changes nothing in the yard: what it finds, or why it cannot, is written to the file that `--result` names.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import orjson

from runyard.core.errors import RunyardError
from runyard.core.paths import RunFolder
from runyard.core.settings import Settings
from runyard.train.__main__ import set_environment


def main(arguments: list[str] | None = None) -> int:
    """Evaluate or predict; return 0, or 1 with the error in the result."""
    parser = argparse.ArgumentParser(prog="python -m runyard.train.apply", description=__doc__)
    parser.add_argument("verb", choices=("evaluate", "predict"))
    parser.add_argument("folder", type=Path, help="the folder of the run that saved the model")
    parser.add_argument("--sha256", required=True, help="of the model's manifest")
    parser.add_argument("--data", type=Path, help="labelled examples to evaluate on, or examples to predict")
    parser.add_argument("--result", type=Path, required=True, help="the file to write")
    given = parser.parse_args(arguments)
    folder = RunFolder(given.folder.absolute())
    set_environment(folder)
    try:
        given.result.write_bytes(_lines(given.verb, folder, given.sha256, given.data))
        return 0
    except RunyardError as error:
        problems = [[p.path, p.message, list(p.allowed)] for p in getattr(error, "problems", ())]
        about = {"error": type(error).__name__, "message": error.message, "hint": error.hint, "problems": problems}
        given.result.write_bytes(orjson.dumps(about))
        return 1


def _lines(verb: str, folder: RunFolder, sha256: str, path: Path | None) -> bytes:
    from runyard.config.run import load_run_config
    from runyard.train import suites
    from runyard.train.benchmark import benchmark
    from runyard.train.saved import load_saved

    config, yard = load_run_config(folder.config), Settings.from_env(folder.path.parent.parent).yard
    model = load_saved(folder.model, sha256)
    rows: list[dict[str, Any]]
    if verb == "predict":
        assert path is not None
        rows = suites.predictions(config, path, yard, model)
    else:
        suite = suites.held_out(config, yard) if path is None else suites.of_file(config, path, yard, model)
        rows = benchmark(model, suite, config.evaluation.metrics, folder.path.name)
    return b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)


if __name__ == "__main__":
    sys.exit(main())
