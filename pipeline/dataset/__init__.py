"""Stage `dataset`: the release folder, which is the next census to ship."""

from pipeline.dataset.release import run

__all__ = ["run"]
