"""What a light installation lacks: one clear line instead of a traceback."""

import contextlib
from collections.abc import Iterator

from pipeline.errors import MissingExtraError


@contextlib.contextmanager
def needing(extra: str, who: str) -> Iterator[None]:
    """Says which extra to install where an import in the block fails.

    Raises:
        CensusError: a package is missing that the extra brings.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        name = (error.name or "").split(".")[0]
        if name in {"pipeline", "alignment_census"}:
            raise
        raise MissingExtraError(extra, name, where=who) from None
