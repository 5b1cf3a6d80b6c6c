"""Run a job in the foreground: its options, the request they make, and the loop that drives an engine to the end."""
