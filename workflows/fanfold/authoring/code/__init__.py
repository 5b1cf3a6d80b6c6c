"""A job's code: references to its functions, and the bundle in which workers find what they refer to."""
