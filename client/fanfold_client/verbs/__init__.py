"""The verbs that need the services: one click command per module, in a package for each kind of thing."""
