"""Reading a release: its manifest, its tables, its published numbers."""
