"""Hadoop's settings, by all the names that they have had: those that are followed, and what becomes of the others."""
