"""Engines start, watch and end the workers of a job: as processes here (`local`) or as pods (`argo`)."""

from fanfold.engines.protocol import Engine, Handle, Observation, Phase

__all__ = ["Engine", "Handle", "Observation", "Phase"]
