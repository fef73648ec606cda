"""The command line: `python -m pipeline STAGE [--config census.toml]`."""

import argparse
import importlib
import logging
import sys
from pathlib import Path

from pipeline.config import SLICES, Config, load_config, slice_for
from pipeline.errors import PipelineError

STAGES = {
    "corpus": "one clean document per work, from every source",
    "embed": "a vector for each document",
    "cluster": "research-agenda groups, their names, and the map",
    "estimate": "shares with intervals, from the read documents",
    "plan": "how many more documents to read, and which, to halve an interval",
    "report": "the page, the tables and the figures",
    "dataset": "the census release under dist/",
}


def main(arguments: list[str] | None = None) -> int:
    """Runs one stage. Returns the exit status: 0, or 1 after one line that says what is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline",
        description="Alignment census: one stage at a time. `make help` lists the same as targets.",
    )
    parser.add_argument(
        "--config", type=Path, default=Path("census.toml"), help="configuration file (default: census.toml)"
    )
    commands = parser.add_subparsers(dest="stage", required=True, metavar="STAGE")
    for name, purpose in STAGES.items():
        commands.add_parser(name, help=purpose)
    commands.add_parser("configure", help="check the configuration and write each stage's slice of it")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        config = load_config(options.config)
        if options.stage == "configure":
            _write_slices(config)
        else:
            importlib.import_module(f"pipeline.{options.stage}").run(config)
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _write_slices(config: Config) -> None:
    """Writes each stage's slice where make watches it, touching only the files that change."""
    from pipeline.store import write_text  # noqa: PLC0415  pandas is not needed to check a file

    for stage in SLICES:
        path = config.path(config.paths.processed, "config", f"{stage}.json")
        text = slice_for(config, stage)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)


if __name__ == "__main__":
    sys.exit(main())
