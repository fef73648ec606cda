"""The command line of the hand check: `python -m pipeline.check page --coder NAME` and its companions."""

import argparse
import logging
import sys
from pathlib import Path

from pipeline.check.tasks import TASKS
from pipeline.config import load_config
from pipeline.errors import PipelineError


def main(arguments: list[str] | None = None) -> int:
    """Runs one command. Returns the exit status: 0, or 1 after one line that says what is wrong."""
    options = _parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # one line a key would bury everything else
    from pipeline.check import stage  # noqa: PLC0415  a slow import that --help does not need

    try:
        config = load_config(options.config)
        given = {name: value for name, value in vars(options).items() if name not in {"config", "command"}}
        return getattr(stage, f"run_{options.command.replace('-', '_')}")(config, **given)
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m pipeline.check", description="The hand check.")
    parser.add_argument("--config", type=Path, default=Path("census.toml"), help="configuration file")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    page = commands.add_parser("check", help="serve the reading room on this machine and open it")
    _add_coder(page)
    page.add_argument("--port", type=int, default=0, help="0: any free one")
    page.add_argument("--no-browser", dest="opens_browser", action="store_false", help="print the link, open nothing")
    page.add_argument(
        "--correct-kind", dest="corrects_kind", action="store_true", help="replace a wrong record of --kind, then stop"
    )
    take = commands.add_parser("import", help="take a file of codes, all of it or nothing")
    _add_coder(take)
    take.add_argument("file", type=Path)
    commands.add_parser("draw", help="freeze what the cluster and intrusion tasks show, from the clusters of now")
    return parser.parse_args(arguments)


def _add_coder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--coder", required=True, help="names the sheet")
    parser.add_argument("--kind", choices=("", "person", "language model", "trial"), default="", help="who reads")
    parser.add_argument("--round", dest="round_name", default="", help="the round (default: that of the estimate)")
    parser.add_argument("--task", choices=TASKS, default="documents", help="what is read")


if __name__ == "__main__":
    sys.exit(main())
