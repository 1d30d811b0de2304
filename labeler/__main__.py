"""`python -m labeler` is the command `labeler`."""

import sys

from labeler.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
