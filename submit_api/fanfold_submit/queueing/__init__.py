"""Who runs when: limits, the queue, usage, and the records of what waits and what runs. Knows jobs by id alone."""
