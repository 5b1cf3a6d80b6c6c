"""What both services answer over HTTP in the same way: the envelope, refusals as problems, operations, OpenAPI."""
