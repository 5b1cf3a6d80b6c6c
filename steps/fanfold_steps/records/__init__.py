"""Stages done record by record: the user's functions called with each record, and pairs grouped by encoded key."""
