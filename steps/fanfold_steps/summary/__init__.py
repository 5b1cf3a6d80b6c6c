"""What a job's tasks did, for whoever asks why it is slow: a table of all tasks, the heaviest keys, what workers do."""
