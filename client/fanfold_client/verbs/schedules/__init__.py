"""The verbs of `fanfold schedule`."""
