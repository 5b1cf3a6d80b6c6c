"""What a job writes: its results and its quarantine, and putting an output in the place of an older one."""
