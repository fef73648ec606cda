"""The command line: `python -m pipeline STAGE [--config census.toml]`."""

import gc
import sys

from pipeline.cli.main import main

if __name__ == "__main__":
    status = main()
    gc.freeze()  # what is left goes with the process; else Python looks through all of it for circles first
    sys.exit(status)
