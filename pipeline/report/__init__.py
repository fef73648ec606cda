"""The page, the tables and the figures."""
