"""Signing keys: generated, published before they sign, encrypted at rest."""
