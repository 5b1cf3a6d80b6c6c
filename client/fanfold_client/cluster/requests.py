"""What an installation asks of the cluster: the cpu, memory and disk that its pods and claims request."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fanfold_client.cluster.objects import Object

_UNITS = {
    "m": Decimal("0.001"), "": Decimal(1), "k": Decimal(10**3), "M": Decimal(10**6), "G": Decimal(10**9),
    "T": Decimal(10**12), "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40),
}  # fmt: skip


@dataclass(frozen=True)
class Requests:
    """Cores, and bytes of memory and of disk."""

    cpu: Decimal = Decimal(0)
    memory: Decimal = Decimal(0)
    disk: Decimal = Decimal(0)

    def __add__(self, other: "Requests") -> "Requests":
        return Requests(self.cpu + other.cpu, self.memory + other.memory, self.disk + other.disk)

    def times(self, count: int) -> "Requests":
        """For `count` replicas."""
        return Requests(self.cpu * count, self.memory * count, self.disk * count)

    def __str__(self) -> str:
        parts = [f"{self.cpu.normalize():f} cpu", f"{_gib(self.memory)} of memory"] if self.cpu or self.memory else []
        return ", ".join([*parts, *([f"{_gib(self.disk)} of disk"] if self.disk else [])])


def amount(text: str | float) -> Decimal:
    """A quantity as Kubernetes writes it, in cores or bytes. Raises ValueError: it isn't one.

    >>> amount("250m"), amount("1Gi"), amount(2)
    (Decimal('0.250'), Decimal('1073741824'), Decimal('2'))
    """
    found = re.fullmatch(r"([0-9.]+)([a-zA-Z]*)", str(text))
    if found is None or found[2] not in _UNITS:
        raise ValueError(f"{text!r} is not a quantity of Kubernetes, such as 250m or 1Gi")
    return Decimal(found[1]) * _UNITS[found[2]]


def requests_of(objects: Iterable[Object]) -> dict[str, Requests]:
    """What each Deployment and StatefulSet requests with all its replicas, and each claim of its own, by name."""
    requested = {}
    for item in objects:
        name, spec = item["metadata"]["name"], item.get("spec", {})
        if item["kind"] in ("Deployment", "StatefulSet"):
            claims = spec.get("volumeClaimTemplates", [])
            one = sum((_claim(each["spec"]) for each in claims), _pod(spec["template"]["spec"]))
            requested[name] = one.times(spec.get("replicas", 1))
        elif item["kind"] == "PersistentVolumeClaim":
            requested[name] = _claim(spec)
    return requested


def _pod(spec: Mapping[str, Any]) -> Requests:
    """As the scheduler counts: the containers together, or the largest one that runs before them."""
    running = sum(map(_container, spec.get("containers", [])), Requests())
    before = [_container(each) for each in spec.get("initContainers", [])]
    return Requests(
        max(running.cpu, *(each.cpu for each in before), Decimal(0)),
        max(running.memory, *(each.memory for each in before), Decimal(0)),
    )


def _container(container: Mapping[str, Any]) -> Requests:
    asked = container.get("resources", {}).get("requests", {})
    return Requests(amount(asked.get("cpu", 0)), amount(asked.get("memory", 0)))


def _claim(spec: Mapping[str, Any]) -> Requests:
    return Requests(disk=amount(spec.get("resources", {}).get("requests", {}).get("storage", 0)))


def _gib(size: Decimal) -> str:
    return f"{size / 2**30:.3g} GiB"
