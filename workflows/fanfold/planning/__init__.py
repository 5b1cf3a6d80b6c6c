"""From a compiled job and its data to a plan, and the life of a job that runs without a service."""
