"""The texts of the shipped census, fetched again and verified."""
