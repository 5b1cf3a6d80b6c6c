"""Lists of jobs: what is asked, which range of records answers it, and what is done for jobs from before such lists."""
