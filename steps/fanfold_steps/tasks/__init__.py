"""What a worker does for a task: it splits the input, or does a task of a stage in the way that the plan says."""
