"""Both services on this machine, in one process, and a demo of them."""
