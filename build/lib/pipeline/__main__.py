"""The command line: `python -m pipeline STAGE [--config census.toml]`."""

import sys

from pipeline.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
