"""Engines start, watch and stop the workers of a job: as processes on this machine (`local`) or as pods (`argo`)."""

from fanfold.engines.protocol import Engine, Handle, Observation, Phase

__all__ = ["Engine", "Handle", "Observation", "Phase"]
