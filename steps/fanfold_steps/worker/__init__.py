"""The worker process: its loop, its portion of the tasks, its claims, heartbeat, watchdog and logs.

It survives whatever the user's code does, or leaves behind what the next process needs to know.
"""
