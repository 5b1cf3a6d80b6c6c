"""What the five ways of doing a stage share: the interface of their steps, an attempt, and what a stage reads.

The `MapStep` and the `ReduceStep` of each way are made from a `StageSetup`, and run an `Attempt` over `StageInputs`.
"""
