"""The command line of the hand check: `python -m pipeline.check page --coder NAME` and its companions."""

import argparse
import logging
import sys
from pathlib import Path

from pipeline.config import load_config
from pipeline.errors import PipelineError


def main(arguments: list[str] | None = None) -> int:
    """Runs one command. Returns the exit status: 0, or 1 after one line that says what is wrong."""
    options = _parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # one line a key would bury everything else
    from pipeline.check import stage as serve  # noqa: PLC0415  a slow import that --help does not need

    try:
        config = load_config(options.config)
        return getattr(serve, f"run_{options.command}")(config, options)
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m pipeline.check", description="The hand check.")
    parser.add_argument("--config", type=Path, default=Path("census.toml"), help="configuration file")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    page = commands.add_parser("page", help="serve the hand-check page on this machine and open it")
    _add_coder(page)
    page.add_argument("--port", type=int, default=0, help="0: any free one")
    page.add_argument("--no-browser", action="store_true", help="print the link, open nothing")
    page.add_argument("--show-codes", action="store_true", help="adjudication: show what the readers said")
    blank = commands.add_parser("blank", help="write an empty sheet for a spreadsheet program")
    _add_coder(blank)
    blank.add_argument("file", type=Path)
    blank.add_argument("--count", type=int, default=50, help="documents in it")
    take = commands.add_parser("import", help="check a filled spreadsheet (CSV) and take it into the coder's sheet")
    _add_coder(take)
    take.add_argument("file", type=Path)
    commands.add_parser("draw", help="freeze what the cluster and intrusion tasks show, from the clusters of now")
    return parser.parse_args(arguments)


def _add_coder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--coder", required=True, help="names the sheet")
    parser.add_argument("--kind", choices=("person", "language model"), default="person", help="who reads")
    parser.add_argument(
        "--task",
        choices=("documents", "extension", "clusters", "intrusion", "adjudication"),
        default="documents",
        help="what (extension: the documents that make plan DRAW=... has drawn beyond the round)",
    )


if __name__ == "__main__":
    sys.exit(main())
