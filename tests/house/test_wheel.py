"""The wheel holds all that a checkout has: an installed Runyard serves, migrates and shows its commands."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment that has the wheel; its dependencies are this environment's."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False)
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(home), "platbase": str(home)}))
    run(
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        "--target",
        site,
        wheel,
        cwd=home,
    )
    dependencies = [Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")]
    # plain paths: the .pth files in there, this checkout's editable one among them, are not followed
    (site / "dependencies.pth").write_text("\n".join(dict.fromkeys(map(str, dependencies))))
    return home / "bin" / "python"


def test_sql_and_pages_are_inside(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    tracked = run("git", "ls-files", "app", "sql", "src/runyard", cwd=ROOT).splitlines()
    expected = {
        path.replace("src/runyard/", "runyard/", 1) if path.startswith("src/") else f"runyard/_{path}"
        for path in tracked
        if (ROOT / path).is_file()
    }
    assert expected
    assert expected <= inside, sorted(expected - inside)
    assert not [name for name in inside if "test" in Path(name).name or name.endswith((".pyc", ".duckdb"))]


def test_the_installed_package_is_the_one_that_runs(python: Path, tmp_path: Path) -> None:
    code = (
        "import json, runyard; from runyard.core.paths import resource;"
        "print(json.dumps([runyard.__file__, str(resource('sql')), str(resource('app'))]))"
    )
    places = json.loads(run(python, "-c", code, cwd=tmp_path))
    assert all(str(python.parents[1]) in place for place in places)


def test_the_command_answers(python: Path, tmp_path: Path) -> None:
    code = "import sys; from runyard.cli import main; sys.argv = ['runyard', '--help']; main()"
    assert "serve" in run(python, "-c", code, cwd=tmp_path)


def test_a_metric_logged_by_the_installed_package_can_be_queried(python: Path, tmp_path: Path) -> None:
    code = (
        "import runyard\n"
        "with runyard.init(name='first', config={'seed': 7}) as run:\n"
        "    run.log_epoch(1, train_loss=2.0, val_loss=1.5)\n"
        "print(runyard.query('SELECT val_loss FROM epochs').pl().item())\n"
    )
    environment = ["env", f"RUNYARD_HOME={tmp_path / 'yard'}"]
    assert float(run(*environment, python, "-c", code, cwd=tmp_path).splitlines()[-1]) == 1.5
