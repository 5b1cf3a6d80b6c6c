"""Fingerprints of configurations, which distinguish Workflows of the same name.

A field that a later version adds must not make strangers of the Workflows that were created before. So fields at their
defaults are left out.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

from fanfold_steps.job.spec import JobConf


def fingerprint_of(conf: JobConf) -> str:
    """SHA-256 (hex) of what distinguishes a configuration."""
    return _digest(distinctive(conf))


def complete_fingerprint_of(conf: JobConf) -> str:
    """SHA-256 (hex) of all fields, as earlier versions have it: Workflows that they created may still be running."""
    return _digest(conf.to_json())


def distinctive(value: Any) -> Any:
    """A value in JSON without fields that have their defaults. The names of classes tell formats apart.

    >>> from fanfold_steps.job.spec import Function, InputSpec, StageSpec
    >>> distinctive([StageSpec(map=Function("m:f")), InputSpec()])
    [{'': 'StageSpec', 'map': {'': 'Function', 'function': 'm:f'}}, {'': 'InputSpec'}]
    """
    if is_dataclass(value):
        given = {one.name: getattr(value, one.name) for one in fields(value)}
        changed = {one.name: distinctive(given[one.name]) for one in fields(value) if given[one.name] != _default(one)}
        return {"": type(value).__name__} | changed
    if isinstance(value, Mapping):
        return {key: distinctive(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [distinctive(part) for part in value]
    return value


def _default(field: "Field[Any]") -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
