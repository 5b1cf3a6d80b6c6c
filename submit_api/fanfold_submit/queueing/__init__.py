"""Who runs when: limits, the queue of what waits, fair shares, and the records of what runs. Knows jobs by id alone."""
