"""A census of a literature: what share of it counts, under every definition, with intervals."""

__version__ = "0.1.0"
