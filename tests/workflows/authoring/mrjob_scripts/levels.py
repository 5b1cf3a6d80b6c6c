"""Beside a script, imported by it."""

LEVELS = 3
