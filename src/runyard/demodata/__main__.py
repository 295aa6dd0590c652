"""Fetch the demo's packages and put their content into a yard."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from runyard.core.errors import RunyardError
from runyard.core.paths import Yard
from runyard.demodata import packages
from runyard.demodata.fetch import fetch
from runyard.demodata.place import place


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m runyard.demodata", description=__doc__)
    parser.add_argument("--cache", type=Path, default=packages.cache_folder(), help="where it is kept")
    parser.add_argument("--yard", type=Path, help="put the data into this yard as well")
    options = parser.parse_args()
    try:
        fetch(options.cache.absolute(), say=lambda text: print(text, file=sys.stderr))
        if options.yard is not None:
            assets = place(options.cache.absolute(), Yard(options.yard.absolute()))
            if assets.note:
                print(assets.note, file=sys.stderr)
    except (RunyardError, OSError) as error:
        print(f"The demo data could not be prepared: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
