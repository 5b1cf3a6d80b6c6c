"""Clusters on this machine: which one it is, and how its nodes get images that no registry has."""
