"""Alignment census: what share of public AI-safety output is direct alignment work, with intervals."""

__version__ = "0.1.0"
