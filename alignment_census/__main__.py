"""`python -m alignment_census`: the command `census`."""

import sys

from alignment_census.command import main

if __name__ == "__main__":
    sys.exit(main())
