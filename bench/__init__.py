"""Measurements: what the program costs on the machine at hand. Not part of the installed package."""
