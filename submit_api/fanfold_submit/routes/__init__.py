"""The HTTP routes, one noun a module, each with its bodies beside it."""
