"""The exception family: every message says what is wrong, where, and what to do next."""

from pathlib import Path

IS_CHECKOUT = (Path(__file__).resolve().parents[1] / "Makefile").is_file()  # else the package is installed


class PipelineError(Exception):
    """A problem the person running the pipeline can mend; printed as one line, exit status 1.

    Args:
        what: the problem, in plain words.
        where: the path, URL, table cell or row id it was found at.
        do: what to do next.
    """

    def __init__(self, what: str, *, where: str = "", do: str = "") -> None:
        self.what = what
        self.where = where
        self.do = do
        parts = [f"{where}: {what}" if where else what, do]
        super().__init__("; ".join(one_line(part) for part in parts if part))


def one_line(text: str) -> str:
    """Returns a text on one line, with what a terminal would not show, or obey, written as numbers."""
    words = " ".join(text.split())
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in words)


class ConfigError(PipelineError):
    """The configuration file is missing, malformed, or says something it may not."""


class DataError(PipelineError):
    """A data file is missing, damaged, or does not have the declared shape."""


class CodebookError(PipelineError):
    """The codebook contradicts itself, or a code is not in it."""


class SheetError(PipelineError):
    """A coder's sheet or a sampling design does not fit the census or the codebook."""


class FetchError(PipelineError):
    """A request was refused, failed for good, or brought something that is not what was asked for."""


class ChallengeError(FetchError):
    """A service answered with a challenge. It is never worked around: that source stops."""


class MissingExtraError(PipelineError):
    """An optional part of the installation is needed and not there.

    Args:
        extra: its name in pyproject.toml.
        module: what could not be found.
        where: the stage that needs it.
    """

    def __init__(self, extra: str, module: str, *, where: str = "") -> None:
        self.extra = extra
        super().__init__(
            f"needs the extra {extra!r} ({module} is not installed)",
            where=where,
            do=_how_to_install(extra),
        )


def _how_to_install(extra: str) -> str:
    if not IS_CHECKOUT:
        return f"pip install 'alignment-census[{extra}]'"
    return "run make install" + (f" EXTRA={extra}" if extra != "pipeline" else "")
