"""What every service of Fanfold does with HTTP in the same way; it knows none of them, and nothing else of Fanfold."""
