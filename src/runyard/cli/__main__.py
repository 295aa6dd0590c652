"""`python -m runyard.cli`: the same as the command `runyard`."""

import sys

from runyard.cli.entry import main

if __name__ == "__main__":
    sys.exit(main())
