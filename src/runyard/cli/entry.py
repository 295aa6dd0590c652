"""The typer app with all its verbs, and `main`, which turns every ending into an exit code and a sentence."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

from runyard.cli import (
    branch_verbs,
    dataset_verbs,
    exchange_verbs,
    import_verbs,
    model_verbs,
    order_verbs,
    preset_verbs,
    record_verbs,
    run_verbs,
    serve_verbs,
    settings_verbs,
    train_verbs,
    yard_verbs,
)
from runyard.cli.errors import FAILED, INTERRUPTED, exit_code, show_error
from runyard.core.errors import RunyardError, Unavailable

app = typer.Typer(
    name="runyard",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"runyard {version('runyard')}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    yard: Annotated[
        Path | None,
        typer.Option("--yard", metavar="DIR", help="The yard to use; RUNYARD_HOME or ./yard if not given."),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Train models, watch them learn, and query every epoch.

    A yard is one folder that holds all runs and the DuckDB file runyard.duckdb. Reading verbs take --format table, json
    or csv. Exit codes: 0 done, 1 failed or cancelled, 2 wrong usage or invalid configuration, 130 interrupted.
    """
    context.obj = yard


VERBS = (
    *(serve_verbs, train_verbs, preset_verbs, branch_verbs, run_verbs, order_verbs, model_verbs, dataset_verbs),
    *(import_verbs, exchange_verbs, record_verbs, settings_verbs, yard_verbs),
)
for verbs in VERBS:
    verbs.add_to(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; return its exit code."""
    given: Any = None if arguments is None else list(arguments)
    try:
        code = app(args=given, prog_name="runyard", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except RunyardError as error:
        show_error(error)
        return exit_code(error)
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted()
    except RuntimeError as error:
        if str(error) == "Query interrupted":  # what DuckDB makes of Ctrl-C amid a statement
            return _interrupted()
        raise
    except BrokenPipeError:  # the reader, such as `head`, has seen enough; nothing more can be said there
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        show_error(Unavailable(f"{error.filename or 'A file'}: {error.strerror or error}.", hint=_mend(error)))
        return FAILED
    except typer.TyperException as error:
        show: Any = getattr(error, "show", None)
        if show:
            show()
        return int(getattr(error, "exit_code", 2))


def _interrupted() -> int:
    with suppress(OSError):
        print("Interrupted.", file=sys.stderr)
    return INTERRUPTED


def _mend(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "Check the owner and the mode of the yard, or name another one with --yard."
    return "Look at `runyard doctor`."
