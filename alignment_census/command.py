"""The command `census`: look-ups in a census, and every stage of the pipeline."""

import argparse
import json
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from alignment_census import __version__
from alignment_census.needs import needing
from pipeline.boundary import explain_failure, prepare_process
from pipeline.cli import main as stages_main
from pipeline.cli.parser import Parser, add_stages, suggest_command
from pipeline.cli.registry import load_stages
from pipeline.errors import MissingExtraError

if TYPE_CHECKING:
    import pandas as pd

NEEDS_EXTRA = 4  # exit status, as that of the stages
SHELLS = ("bash", "zsh", "tcsh")
EXAMPLES = """\
look-ups, which need nothing but the census (installed, in the checkout, or named with --census):
  census share --definition strict --by year
  census places https://arxiv.org/abs/2502.17424
  census nearest arxiv:2502.17424 --count 5
  census search "chain of thought monitoring"
  census compare 2026.07
stages, which need a checkout or a census.toml:
  census report
  census --config studies/mine/census.toml estimate
completion:
  source <(census completion bash)
"""
FACTS = ["doc_id", "published_date", "title", "url"]


def main(arguments: list[str] | None = None) -> int:
    """Runs one look-up or one stage. Returns the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    stages = load_stages()
    asked = next(iter(stages_main.find_command(words)), "")
    if asked not in LOOKUPS and asked in {*stages, "make", "configure", "stages"}:
        return stages_main.main(words)
    prepare_process()
    if asked and asked not in LOOKUPS:
        print(f"error: {suggest_command(asked, [*LOOKUPS, *stages])}; see census --help", file=sys.stderr)
        return 2
    options = make_parser().parse_args(words)
    try:
        LOOKUPS[options.command](options)
    except MissingExtraError as error:
        print(f"error: {error}", file=sys.stderr)
        return NEEDS_EXTRA
    except BaseException as error:  # the one boundary: whatever ends a run is a line and a status
        line, status = explain_failure(error, Path("crashes"))
        if line:
            print(f"error: {line}", file=sys.stderr)
        return status
    return 0


def make_parser() -> argparse.ArgumentParser:
    """Returns the parser of the whole command: look-ups and stages."""
    parser = Parser(
        prog="census",
        description="The alignment census: look things up in it, or make the next one.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"census {__version__}")
    stages = {name: stage for name, stage in load_stages().items() if name not in LOOKUPS}
    commands = add_stages(parser, stages)

    def add(name: str, about: str, example: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=about, description=f"{about}.", epilog=f"example: census {example}")
        command.add_argument("--census", default=None, metavar="PLACE", help="version or folder (default: the newest)")
        command.add_argument("--format", choices=("text", "csv", "json"), default="text", help="(default: text)")
        return command

    command = add("share", "published shares with their intervals", "share --definition strict --by year")
    command.add_argument("--definition", default="", help="what counts (default: all; see census definitions)")
    command.add_argument("--frame", default="", help="the population (default: all)")
    command.add_argument("--denominator", default="", help="of what (default: the codebook's first)")
    command.add_argument("--by", choices=("year",), default="", help="each year apart")
    command = add("agenda-shares", "the share of each research agenda", "agenda-shares D1 --by year")
    command.add_argument("code", nargs="?", default="", help="a leaf, a group, or leaves joined with + (default: all)")
    command.add_argument("--frame", default="", help="the population (default: all)")
    command.add_argument("--by", choices=("year",), default="", help="each year apart")
    add("definitions", "what counts as direct, and of what", "definitions")
    command = add("nearest", "the documents nearest to a document", "nearest arxiv:2502.17424 --count 5")
    command.add_argument("name", help="its id or address")
    command.add_argument("--count", type=int, default=10, help="how many (default: 10)")
    command = add("search", "the documents nearest to a sentence", 'search "chain of thought monitoring"')
    command.add_argument("query", help="what to look for, in words")
    command.add_argument("--count", type=int, default=10, help="how many (default: 10)")
    command = add("places", "every place where one work stands", "places arxiv:2502.17424")
    command.add_argument("name", help="the id or address of any of them")
    command = add("find", "documents by id or address", "find 2502.17424 https://arxiv.org/abs/2310.06474")
    command.add_argument("names", nargs="+", help="ids or addresses")
    command = add("compare", "what changed from one version to another", "compare 2026.07")
    command.add_argument("old", help="version or folder of the older one")
    add("censuses", "the censuses that are here", "censuses")
    command = commands.add_parser(
        "completion", help="the completion of a shell", epilog="example: source <(census completion bash)"
    )
    command.add_argument("shell", choices=SHELLS)
    return parser


def _share(options: argparse.Namespace) -> None:
    import alignment_census as public  # noqa: PLC0415

    rows = public.share(
        options.definition,
        frame=options.frame,
        by=options.by,
        denominator=options.denominator,
        census=public.load_census(options.census),
    )
    _show(rows[["frame", "year", "definition", "denominator", "share", "low", "high", "n_read"]], options)


def _agendas(options: argparse.Namespace) -> None:
    import alignment_census as public  # noqa: PLC0415

    rows = public.agendas(options.code, frame=options.frame, by=options.by, census=public.load_census(options.census))
    _show(rows[["frame", "year", "code", "title", "share", "low", "high", "n_coded"]], options)


def _definitions(options: argparse.Namespace) -> None:
    import alignment_census as public  # noqa: PLC0415

    rows = public.load_definitions(census=public.load_census(options.census))
    _show(rows[["kind", "id", "title", "reading"]], options)


def _nearest(options: argparse.Namespace) -> None:
    import alignment_census as public  # noqa: PLC0415

    census = public.load_census(options.census)
    rows = public.nearest(options.name, options.count, census=census)
    _show(rows[["cosine_score", *FACTS]], options)


def _search(options: argparse.Namespace) -> None:
    import alignment_census as public  # noqa: PLC0415

    census = public.load_census(options.census)
    rows = public.search(options.query, options.count, census=census)
    _show(rows[["cosine_score", *FACTS]], options)


def _places(options: argparse.Namespace) -> None:
    import alignment_census as public  # noqa: PLC0415

    rows = public.places(options.name, census=public.load_census(options.census))
    _show(rows[["work_id", "doc_id", "frame", "url", "reason"]], options)


def _find(options: argparse.Namespace) -> None:
    import alignment_census as public  # noqa: PLC0415

    rows = public.find_documents(options.names, census=public.load_census(options.census))
    _show(rows[["name", *FACTS]], options)


def _compare(options: argparse.Namespace) -> None:
    import alignment_census as public  # noqa: PLC0415

    rows = public.compare_censuses(options.old, options.census)
    if options.format == "text":
        counts = rows.groupby(["what", "change"]).size().rename("count").reset_index()
        _show(counts, options)
        return
    _show(rows, options)


def _censuses(options: argparse.Namespace) -> None:
    import alignment_census as public  # noqa: PLC0415

    _show(public.list_censuses(), options)


def _completion(options: argparse.Namespace) -> None:
    with needing("completion", "census completion"):
        shtab = import_module("shtab")
    print(shtab.complete(make_parser(), options.shell))


def _show(rows: "pd.DataFrame", options: argparse.Namespace) -> None:
    """Prints a table for people, spreadsheets or programs."""
    if options.format == "csv":
        print(rows.to_csv(index=False, lineterminator="\n"), end="")
    elif options.format == "json":
        print(json.dumps(json.loads(rows.to_json(orient="records")), ensure_ascii=False, indent=1))
    elif rows.empty:
        print("nothing")
    else:
        plain = rows.fillna("").astype(dict.fromkeys(rows, object))
        shares = {"share", "low", "high", "cosine_score"} & set(rows)
        for name in shares:
            plain[name] = [f"{value:.3f}" if value != "" else "" for value in plain[name]]
        print(plain.to_string(index=False, max_colwidth=90))


LOOKUPS: dict[str, Callable[[argparse.Namespace], None]] = {
    "share": _share,
    "agenda-shares": _agendas,
    "definitions": _definitions,
    "nearest": _nearest,
    "search": _search,
    "places": _places,
    "find": _find,
    "compare": _compare,
    "censuses": _censuses,
    "completion": _completion,
}
