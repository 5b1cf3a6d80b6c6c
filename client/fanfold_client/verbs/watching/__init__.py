"""Verbs that show a job as it runs and afterwards: its state, log, tasks, counters and events, and what bounds it."""
