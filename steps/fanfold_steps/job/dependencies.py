"""The packages that a job's code imports: wheels, chosen once for the workers' Python and platform, named by content.

Wherever the job runs, it has the same bytes; a worker installs them without a network.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel: the name of its file, the SHA-256 (hex) under which it is stored, and its size in bytes."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Wheels that fit one Python and one platform, with all that they depend on.

    `python` is the version as `3.13`, `platform` its name as uv knows it, such as `x86_64-manylinux_2_36`.
    """

    python: str
    platform: str
    wheels: list[Wheel] = field(default_factory=list)

    @property
    def total(self) -> int:
        """The bytes of all wheels."""
        return sum(wheel.size for wheel in self.wheels)

    @property
    def digest(self) -> str:
        """The name of the folder into which they are installed: the same wheels for the same Python share one."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:32]


def dependencies_from_json(data: dict[str, Any] | None) -> Dependencies | None:
    """Dependencies from JSON that was checked before it was written.

    >>> dependencies_from_json({"python": "3.13", "platform": "x86_64-manylinux_2_36", "wheels": []}).python
    '3.13'
    """
    if not data:
        return None
    return Dependencies(data["python"], data["platform"], [Wheel(**wheel) for wheel in data["wheels"]])
