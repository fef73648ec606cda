"""The census release: made, described, checked, searched; `load_census` opens one."""

from pipeline.release.load import Census, load_census

__all__ = ["Census", "load_census"]
