"""What is seen of a job while it runs and afterwards: its tasks, its logs, and what bounds it."""
