"""Users as records: their names, roles and passwords, and the limit on guesses at a password."""
