"""Telling a URL when a job has ended: which URLs may be told, what they are told, signed by whom, and sent how."""
