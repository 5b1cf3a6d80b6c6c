"""Verbs for jobs in the service."""
