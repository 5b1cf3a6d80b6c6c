"""What people see in a terminal: results, messages, progress, and the exit statuses that errors end with."""
