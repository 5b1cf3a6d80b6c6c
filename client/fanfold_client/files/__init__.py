"""Transfer files between this machine and the service."""
