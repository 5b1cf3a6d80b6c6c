"""Jobs of many thousand tasks and hundreds of workers: Fanfold's own code, against a simulated clock and store."""
