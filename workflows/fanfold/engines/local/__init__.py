"""Run a job's workers as processes on this machine."""
