"""Logging in on the auth service's own page: in this machine's browser, or in any other one by a code."""
