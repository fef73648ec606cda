"""What the program advises to run next, for the study at hand: `make draw` elsewhere would draw of another census."""

import re
import shlex
from collections.abc import Collection
from pathlib import Path

_COMMAND = re.compile(r"\bmake ([a-z][a-z-]*[a-z])\b(?!-)(?! STUDY=| CONFIG=)")


def name_study(text: str, config_path: Path, commands: Collection[str] | None = None) -> str:
    """Returns a text in which every `make TARGET` names the study whose configuration is at hand.

    Args:
        text: lines for a person.
        config_path: the configuration file; `census.toml` of the folder that we are in needs no name.
        commands: words that are targets, in a text that may say "make sure" as well; by default every word is.

    Example:
        >>> name_study("Next: make check CODER=ann", Path("studies/steering/census.toml"))
        'Next: make check STUDY=steering CODER=ann'
    """
    path, here = config_path.resolve(), Path.cwd().resolve()
    if path == here / "census.toml":
        return text
    is_study = path.name == "census.toml" and path.parent.parent == here / "studies"
    suffix = f"STUDY={path.parent.name}" if is_study else f"CONFIG={shlex.quote(str(config_path))}"

    def add(match: re.Match[str]) -> str:
        return f"{match[0]} {suffix}" if commands is None or match[1] in commands else match[0]

    return _COMMAND.sub(add, text)
