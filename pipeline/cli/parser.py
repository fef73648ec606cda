"""The parser of the command line, made from the declared stages."""

import argparse
import difflib
import shlex
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NoReturn

from pipeline.stages import Option, Stage


class Parser(argparse.ArgumentParser):
    """A parser that names the command that was probably meant."""

    def error(self, message: str) -> NoReturn:
        """Prints one line and ends with exit status 2."""
        wrong = next((word.partition("=")[0] for word in message.split() if word.startswith("--")), "")
        is_unknown = message.startswith("unrecognized")
        close = difflib.get_close_matches(wrong, _list_options(self), n=1) if is_unknown else []
        hint = f"; did you mean {close[0]!r}?" if close else ""
        print(f"error: {message}{hint}; see {self.prog} --help", file=sys.stderr)
        sys.exit(2)


def make_parser(stages: Mapping[str, Stage]) -> argparse.ArgumentParser:
    """Returns the parser: one command for each stage, and `make`, `configure` and `stages`."""
    parser = Parser(
        prog="python -m pipeline",
        description="Alignment census: one stage at a time. `make help` lists the same as targets.",
    )
    add_stages(parser, stages)
    return parser


def add_stages(parser: argparse.ArgumentParser, stages: Mapping[str, Stage]) -> "argparse._SubParsersAction[Parser]":
    """Adds the commands to a parser. Returns where further ones may be added."""
    parser.add_argument(
        "--config", type=Path, default=Path("census.toml"), help="configuration file (default: census.toml)"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    for stage in stages.values():
        command = commands.add_parser(
            stage.name, help=stage.purpose.replace("%", "%%"), description=f"{stage.purpose}.".replace("%", "%%")
        )
        for option in stage.options:
            _add_option(command, option)
    make = commands.add_parser("make", help="bring a stage and all that it reads up to date")
    make.add_argument("target", choices=list(stages), metavar="STAGE")
    make.add_argument("--dry-run", action="store_true", help="print the commands and why, run nothing")
    commands.add_parser("configure", help="check the configuration file")
    commands.add_parser("stages", help="the make targets of the stages, one a line")
    return commands


def suggest_command(word: str, names: Iterable[str]) -> str:
    """Returns what to say of a command that does not exist."""
    close = difflib.get_close_matches(word, [*names, "make", "configure"], n=1)
    return f"there is no command {word!r}" + (f"; did you mean {close[0]!r}?" if close else "")


def words_from_make(stage: Stage, environment: Mapping[str, str]) -> list[str]:
    """Returns the words of a stage's command line that make variables stand for.

    Each option has its variable; a variable named as the stage, such as `SCRAPE`, holds further words.
    """
    words: list[str] = []
    places: list[str] = []
    for option in stage.options:
        value = environment.get(option.variable, "") if option.variable else ""
        if value and option.is_positional:
            places.append(value)
        elif value:
            words += [f"--{option.name.replace('_', '-')}", value]
    raw = environment.get(stage.name.upper().replace("-", "_"), "")
    return [*shlex.split(raw), *words, *(["--", *places] if places else [])]


def keywords_of(stage: Stage, options: argparse.Namespace) -> dict[str, object]:
    """Returns what the stage's function is called with."""
    return {option.keyword or option.name: getattr(options, option.name) for option in stage.options}


def list_targets(stages: Mapping[str, Stage]) -> list[str]:
    """Returns `name purpose`, a line for each stage; the hidden ones without a purpose."""
    return [f"{stage.name}\t{'' if stage.is_hidden else stage.purpose}" for stage in stages.values()]


def _add_option(command: argparse.ArgumentParser, option: Option) -> None:
    name = option.name if option.is_positional else f"--{option.name.replace('_', '-')}"
    text = option.help.replace("%", "%%")  # argparse fills in what follows a single one
    if option.default is False:
        command.add_argument(name, action="store_true", help=text)
        return
    kind = int if isinstance(option.default, int) else str
    choices = option.choices or None
    note = f" (default: {option.default})".replace("%", "%%") if option.default not in ("", 0) else ""
    if option.is_positional:
        command.add_argument(name, type=kind, choices=choices, help=text)
    else:
        command.add_argument(name, type=kind, choices=choices, default=option.default, help=text + note)


def _list_options(parser: argparse.ArgumentParser) -> list[str]:
    """Returns the long options of a parser and of its commands."""
    found = []
    for action in parser._actions:  # argparse has no public list of them
        found += [name for name in action.option_strings if name.startswith("--")]
        if isinstance(action, argparse._SubParsersAction):
            found += [name for command in action.choices.values() for name in _list_options(command)]
    return sorted(set(found))
