"""A job as plain data: its spec, its formats, and its failure policy."""
