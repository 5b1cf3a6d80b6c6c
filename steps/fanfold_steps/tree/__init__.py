"""What lies in the job tree: tasks and their commits, the plan, failure and report, counters, progress."""
