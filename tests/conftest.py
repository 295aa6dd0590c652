"""What all tests share: no network, no yard of the user's, one thread, the demo's data, a browser."""

from __future__ import annotations

import os
import runpy
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
GUARD = TESTS / "guard"
IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}

os.environ.update(
    HF_HUB_OFFLINE="1",
    TRANSFORMERS_OFFLINE="1",
    TOKENIZERS_PARALLELISM="false",
    OMP_NUM_THREADS="1",
    STREAMLIT_BROWSER_GATHER_USAGE_STATS="false",
    RUNYARD_HOME=str(Path(tempfile.gettempdir()) / "runyard-tests-must-name-their-yard"),
    PYTHONPATH=os.pathsep.join(filter(None, (str(GUARD), os.environ.get("PYTHONPATH")))),
)
sys.path.insert(0, str(TESTS / "journals"))
runpy.run_path(str(GUARD / "sitecustomize.py"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--short", action="store_true", help="a quick round of the benchmarks and the long tests")


@pytest.fixture(scope="session")
def short(request: pytest.FixtureRequest) -> bool:
    """True where a quick round was asked for (`make bench SHORT=1`, `make proof SHORT=1`)."""
    return bool(request.config.getoption("--short"))


@pytest.fixture(scope="session")
def demo_cache() -> Path:
    """The folder with the demo's model and data (`make assets`); skips without them, but never in CI."""
    from runyard.demodata.fetch import is_there
    from runyard.demodata.packages import PACKAGES, cache_folder

    cache = cache_folder()
    missing = [package.name for package in PACKAGES if not is_there(cache, package)]
    if missing:
        _skip_but_not_in_ci(
            f"the demo's packages are not in the cache: {', '.join(missing)}; `make assets` brings them"
        )
    return cache


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium; skips where there is none, but never in CI."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    _skip_but_not_in_ci("no Chromium found; browser tests need one (Debian: apt-get install chromium)")
    raise AssertionError("unreachable")


def _skip_but_not_in_ci(reason: str) -> None:
    if IN_CI:
        pytest.fail(reason)
    pytest.skip(reason)
