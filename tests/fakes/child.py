"""Runs the scrape stage in a process of its own, to be killed: python -m tests.fakes.child ROOT SOURCES.json START."""

import json
import logging
import random
import sys
from pathlib import Path

from pipeline.scrape import stage
from pipeline.web.clock import VirtualClock
from tests.fakes.world import config_for


def main(root: str, sources: str, start: str) -> int:
    logging.basicConfig(level=logging.WARNING)
    config = config_for(json.loads(Path(sources).read_text()), Path(root))
    # Each run begins a little later than the one before, as in life.
    return stage.run(config, clock=VirtualClock(float(start) + random.random()))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
