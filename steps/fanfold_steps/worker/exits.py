"""What a worker's exit status means to whatever started it. For 64 to 79, starting it again can't help."""

FAILED = 64
"""The job failed; `failed.json` says why."""
STORE_AWAY = 1
"""The store didn't respond, or the worker crashed: starting it again resumes from what is committed."""
NO_JOB = 66
"""There is no `job.json` at the URL."""
PERMANENT = range(64, 80)
