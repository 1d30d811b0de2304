"""`python -m mdmd` is the command `mdmd`."""

import sys

from mdmd.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
