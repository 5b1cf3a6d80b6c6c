"""Events: what changes of a job, told to those who follow it."""
