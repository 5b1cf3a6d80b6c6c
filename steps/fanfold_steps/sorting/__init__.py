"""Keys as bytes, runs sorted by them, and merging within the memory there is."""
