"""Stage `dataset`: the release folder, which is the next census to ship, and how to load it."""

from pipeline.dataset.load import Census, load_census
from pipeline.dataset.release import run

__all__ = ["Census", "load_census", "run"]
