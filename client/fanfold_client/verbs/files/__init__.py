"""Verbs for the files in the service."""
