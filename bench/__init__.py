"""Measurements: `make bench` runs them side by side on one machine and writes docs/performance.md."""
