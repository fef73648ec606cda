"""The command line of this room: `python -m pipeline.cluster IDS VECTORS ...` adds a second encoder's layers."""

import sys

from pipeline.cluster.second import main

if __name__ == "__main__":
    sys.exit(main())
