"""What was read, by whom, and how it was drawn: codebook, sheets, rounds, samples."""
