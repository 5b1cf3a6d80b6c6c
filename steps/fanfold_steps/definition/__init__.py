"""Jobs that plan themselves: a Workflow's template says what runs, and its first worker plans the job where it runs."""
