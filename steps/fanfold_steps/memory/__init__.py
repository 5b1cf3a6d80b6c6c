"""How much may be held in memory: the budget, the sizes of objects, the process's limits, and disk for the rest."""
