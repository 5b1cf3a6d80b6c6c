"""Why a job is slow, or failed: its tasks in pages, how unequal they are, and in sentences what bounds it."""
