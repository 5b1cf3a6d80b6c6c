"""Workflows in which a job plans itself, as Hera's objects, which can lie in Git: rendering them sees no data."""
