"""The command line: `python -m pipeline STAGE [--config census.toml]`."""

import argparse
import importlib
import logging
import sys
from pathlib import Path

from pipeline.config import SLICES, Config, load_config, slice_for
from pipeline.errors import PipelineError

STAGES = {
    "scrape": "what is new at the sources, from the network",
    "corpus": "one clean document per work, from every source",
    "embed": "a vector for each document",
    "scope": "how likely each document is AI safety at all",
    "hydrate": "the texts of the shipped census, fetched again and verified",
    "cluster": "research-agenda groups, their names, and the map",
    "estimate": "shares with intervals, from the read documents",
    "readings": "what readers found: their agreement, and what they say of the clusters",
    "plan": "how many more documents to read, and which, to halve an interval",
    "report": "the page, the tables and the figures",
    "dataset": "the census release under dist/",
}

# Stages that are one module of a larger room.
MODULES = {"readings": "agreement"}


def main(arguments: list[str] | None = None) -> int:
    """Runs one stage. Returns the exit status: 0; 1 after one line that says what is wrong; 3 from an uneven scrape or
    hydration."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline",
        description="Alignment census: one stage at a time. `make help` lists the same as targets.",
    )
    parser.add_argument(
        "--config", type=Path, default=Path("census.toml"), help="configuration file (default: census.toml)"
    )
    commands = parser.add_subparsers(dest="stage", required=True, metavar="STAGE")
    for name, purpose in STAGES.items():
        stage = commands.add_parser(name, help=purpose)
        if name == "scrape":
            stage.add_argument("--source", default="", help="only this entry of [sources]")
        if name == "plan":
            stage.add_argument(
                "--draw", default="", help='draw what one line needs: "FRAME/YEAR DEFINITION", as the plan prints them'
            )
        if name in ("scrape", "hydrate"):
            stage.add_argument("--dry-run", action="store_true", help="print what would be asked, and ask nothing")
            stage.add_argument("--full", action="store_true", help="ask for everything again, not only for what is new")
    commands.add_parser("configure", help="check the configuration and write each stage's slice of it")
    commands.add_parser("verify", help="recompute every hash, key and count of the releases")
    places = commands.add_parser("places", help="every place where one work stands")
    places.add_argument("name", help="the id or the address of a document")
    search = commands.add_parser("search", help="the documents nearest to a sentence")
    search.add_argument("query", help="what to look for, in words")
    search.add_argument("--count", type=int, default=10, help="how many documents (default: 10)")
    search.add_argument("--release", type=Path, help="folder of the release (default: the census of the configuration)")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        config = load_config(options.config)
        if options.stage == "configure":
            _write_slices(config)
        elif options.stage == "verify":
            importlib.import_module("pipeline.dataset.verify").run(config)
        elif options.stage == "places":
            importlib.import_module("pipeline.corpus.places").run(config, options.name)
        elif options.stage == "search":
            importlib.import_module("pipeline.dataset.search").run(
                config, options.query, options.count, options.release
            )
        elif options.stage == "plan":
            importlib.import_module("pipeline.estimate.plan").run(config, options.draw)
        elif options.stage == "scrape":
            scrape = importlib.import_module("pipeline.scrape.stage")
            return scrape.run(config, only=options.source, is_dry_run=options.dry_run, is_full=options.full)
        elif options.stage == "hydrate":
            hydrate = importlib.import_module("pipeline.hydrate.stage")
            return hydrate.run(config, is_dry_run=options.dry_run, is_full=options.full)
        else:
            importlib.import_module(f"pipeline.{MODULES.get(options.stage, options.stage)}.stage").run(config)
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
