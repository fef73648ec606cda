"""From the items of every source to one clean document per work."""
