"""A job's log, as it lies in its tree: the form of a line, and the one reader of all workers' lines."""
