"""The verbs that need no service; `fanfold_client` adds its own to them. A click command a file."""
