"""Jobs that run by themselves: when a schedule's ticks are due, what becomes of each, and who may have it so."""
