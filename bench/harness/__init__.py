"""How it is measured: inputs that are the same every time, ways of doing the work that take turns, and the time and
memory of the processes that each of them starts."""
