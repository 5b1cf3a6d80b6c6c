"""The packages that a job names: read from its file, resolved by uv into wheels, and imported from."""
