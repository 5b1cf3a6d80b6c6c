"""Verbs that start, install and remove the services."""
