"""Research-agenda groups in layers, their names, and the map."""
