"""Batches: the user's function takes and gives frames, and all that follows works on columns.

Everything here needs Polars, so nothing outside imports it but where a stage is one of batches.
"""
