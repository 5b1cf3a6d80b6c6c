"""The verbs that need no service, one click command per module; `fanfold_client` adds its own."""
