"""Whom a token names, and what both services agree on about it; no web framework is loaded."""
