"""Verbs for logins, accounts and signing keys."""
