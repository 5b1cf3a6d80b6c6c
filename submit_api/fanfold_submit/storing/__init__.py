"""How many bytes users keep in the service, counted by compare-and-set, and held against limits."""
