"""The rules for a valid job: one list, for jobs written in Python and for specs written as JSON."""
