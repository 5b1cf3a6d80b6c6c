"""Long storms of kills, run by `make storms`: what must hold is counted, and stands in docs/security.md."""
