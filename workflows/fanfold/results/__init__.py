"""What a job wrote, for use in Python: records, frames, counters, and what was put in quarantine."""
