"""Notifying a URL when a job has ended: which URLs are allowed, what messages say, how they are signed and sent."""
