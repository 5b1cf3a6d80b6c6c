"""The verbs of the command that need the services, one module each."""
