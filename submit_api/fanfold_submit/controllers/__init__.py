"""Threads that take steps for keys, such as jobs' ids: the queue of keys, the watches that fill it, and pauses."""
