"""The routes that show a job as it runs and afterwards: its events, log, tasks and Workflow."""
