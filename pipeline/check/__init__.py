"""The hand check: who reads what, against which codebook, and how far readers agree."""
