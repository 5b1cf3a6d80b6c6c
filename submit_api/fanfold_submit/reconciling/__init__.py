"""Brings every job to its end: compares its record, its tree and its workers, and takes the next step."""
