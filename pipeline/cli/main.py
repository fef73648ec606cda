"""One command: load the configuration, run what was asked for, say in one line what went wrong."""

import argparse
import gc
import importlib
import logging
import os
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.boundary import explain_failure, prepare_process
from pipeline.cli.parser import keywords_of, list_targets, make_parser, suggest_command, words_from_make
from pipeline.cli.registry import load_stages
from pipeline.errors import MissingExtraError
from pipeline.extras import explain_missing, require
from pipeline.hints import name_study
from pipeline.stages import Stage

if TYPE_CHECKING:  # the list of targets is read before anything is installed
    from pipeline.config import Config

NEW_OBJECTS = 50_000  # until Python looks for circles: at its 700 that takes up to a third of the time of long lists
SPIN = "4"  # OpenBLAS waits 2**4 ticks before its threads sleep, not 2**26, a fiftieth of a second


def main(arguments: list[str] | None = None) -> int:
    """Runs one command.

    Returns:
        the exit status: 0; 2 for a command line that cannot be read; 4 where an optional part of the installation is
        missing; else as `boundary` has them, after one line that says what is wrong.
    """
    prepare_process()
    _share_processors()
    stages = load_stages()
    words = sys.argv[1:] if arguments is None else arguments
    known = {*stages, "make", "configure", "stages"}
    wrong = next((word for word in find_command(words) if word not in known), None)
    if wrong is not None:
        print(f"error: {suggest_command(wrong, stages)}", file=sys.stderr)
        return 2
    options = make_parser(stages).parse_args(words)
    if options.command == "stages":
        print("\n".join(list_targets(stages)))
        return 0
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_StudyFormatter(options.config, stages))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    try:
        return _run(options, stages)
    except MissingExtraError as error:
        return _name_extra(error)
    except ModuleNotFoundError as error:
        missing = explain_missing(error, options.command)
        if missing is not None:
            return _name_extra(missing)
        return _explain(error, options.config, stages)
    except BaseException as error:  # the one boundary: whatever ends a run is a line and a status
        return _explain(error, options.config, stages)


def _share_processors() -> None:
    """Lets lists be long, threads of the linear algebra sleep when they wait, and Arrow use memory that was used
    before, where its own store takes new pages from the system each time; neither library is loaded yet."""
    gc.set_threshold(NEW_OBJECTS)
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", SPIN)
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


class _StudyFormatter(logging.Formatter):
    """Messages alone, in which every `make TARGET` names the study at hand."""

    def __init__(self, config_path: Path, commands: Collection[str]) -> None:
        super().__init__("%(message)s")
        self.config_path, self.commands = config_path, commands

    def format(self, record: logging.LogRecord) -> str:
        return name_study(super().format(record), self.config_path, self.commands)


def _explain(error: BaseException, config_path: Path, commands: Collection[str]) -> int:
    """Prints the line that says what ended the run. Returns the exit status."""
    line, status = explain_failure(error, config_path.resolve().parent / "data" / "processed" / "crashes")
    if line:
        print(f"error: {name_study(line, config_path, commands)}", file=sys.stderr)
    return status


def find_command(words: list[str]) -> list[str]:
    """Returns the word that names the command, as a list of one; none if there is none."""
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word == "--config":
            skip = True
        elif not word.startswith("-"):
            return [word]
    return []


def _run(options: argparse.Namespace, stages: Mapping[str, Stage]) -> int:
    from pipeline.cli import runner  # noqa: PLC0415  the list of targets needs none of this
    from pipeline.config import load_config  # noqa: PLC0415

    config = load_config(options.config)
    if options.command in ("configure", "make"):
        _check_sources(config)
    if options.command == "configure":
        return 0
    if options.command == "make":
        target = stages[options.target]
        act = runner.print_plan if options.dry_run else runner.make_target
        return act(options.config, config, stages, target.name, words_from_make(target, os.environ))
    stage = stages[options.command]
    require(stage.extras, stage.name)
    function_name = stage.run.partition(":")[2]
    function = getattr(importlib.import_module(stage.module), function_name)
    keywords = keywords_of(stage, options)
    if not stage.is_derived:
        return int(function(config, **keywords) or 0)
    with runner.hold_folder(config, stage.name):
        return int(runner.run_recorded(config, stage, lambda: function(config, **keywords)) or 0)


def _check_sources(config: "Config") -> None:
    """Checks the entries of `[sources]`, where the installation has what reads them."""
    try:
        from pipeline.scrape.settings_check import check_sources  # noqa: PLC0415
    except ModuleNotFoundError:
        return
    check_sources(config)


def _name_extra(error: MissingExtraError) -> int:
    """Says which extra is missing, to make if it can install it, else to the person. Returns the exit status."""
    note = os.environ.get("CENSUS_EXTRA_FILE")
    if note:
        Path(note).write_text(error.extra, encoding="utf-8")
    else:
        print(f"error: {error}", file=sys.stderr)
    return 4
