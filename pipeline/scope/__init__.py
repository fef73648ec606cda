"""How likely each document is AI safety at all."""
