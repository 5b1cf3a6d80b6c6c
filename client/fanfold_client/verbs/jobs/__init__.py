"""Verbs that list jobs, submit and change them, and fetch their results."""
