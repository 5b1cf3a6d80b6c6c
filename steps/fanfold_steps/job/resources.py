"""What a job, or one stage of it, asks of the machine: cores, memory, the kind of node, the environment of its code."""

import re
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from typing import Any, Literal

from fanfold_steps.job.arguments import explain_arguments

_QUANTITY = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)(k|K|M|G|T)?(i)?B?")
_POWERS = {None: 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4}


@explain_arguments()
@dataclass(frozen=True, slots=True)
class Toleration:
    """Lets pods run on nodes with a taint: one with this `key` and `value`, or any value if `value` is None."""

    key: str
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None


@explain_arguments(
    workers="it belongs to the command, as --workers 4.", timeout="it belongs to the job, as Job(timeout=60)."
)
@dataclass(frozen=True, slots=True)
class Resources:
    """What each of the workers of a job, or of one stage, gets. None leaves it to the operator's defaults.

    Pods get all of it. On one machine, `cpu` and `memory` decide how many workers run at once and how much each may
    hold, `env`, `deadline` and `retries` mean the same; the rest has no effect there, and that is said.

    Args:
        cpu: cores, as in 2 or 0.5.
        memory: bytes, as in "4Gi" or "512MiB". The tasks' budget is half of it, as the rest is needed beside it.
        ephemeral_storage: bytes of disk for what spills, as in "20Gi".
        node_selector: labels that a node must have.
        tolerations: taints that a node may have.
        priority: the name of a PriorityClass.
        env: environment variables.
        secrets: environment variables that come from Secrets, as in {"TOKEN": "my-secret/token"}: its name and the key.
        deadline: seconds that the job, or the stage, may take before the job fails.
        retries: how often a worker that dies is started again.
    """

    cpu: float | None = None
    memory: str | None = None
    ephemeral_storage: str | None = None
    node_selector: dict[str, str] = dataclass_field(default_factory=dict)
    tolerations: list[Toleration] = dataclass_field(default_factory=list)
    priority: str | None = None
    env: dict[str, str] = dataclass_field(default_factory=dict)
    secrets: dict[str, str] = dataclass_field(default_factory=dict)
    deadline: float | None = None
    retries: int | None = None

    def over(self, job: "Resources") -> "Resources":
        """These, a stage's, with the job's own where they leave something open.

        >>> Resources(cpu=2, env={"A": "1"}).over(Resources(cpu=1, memory="1Gi", env={"B": "2"}, deadline=9)).env
        {'B': '2', 'A': '1'}
        """
        given = {name: value for name in _BY_NAME if (value := getattr(self, name)) not in (None, [])}
        merged: dict[str, Any] = {
            name: {**getattr(job, name), **getattr(self, name)} for name in ("node_selector", "env", "secrets")
        }
        return replace(job, **given, **merged, deadline=self.deadline)


_BY_NAME = ("cpu", "memory", "ephemeral_storage", "tolerations", "priority", "retries")


def quantity(text: str) -> int | None:
    """The bytes that a quantity means; None if it isn't one.

    >>> quantity("4Gi"), quantity("1GB"), quantity("0.5MiB"), quantity("lots")
    (4294967296, 1000000000, 524288, None)
    """
    if not (match := _QUANTITY.fullmatch(text)) or (match[3] and not match[2]):
        return None
    return int(float(match[1]) * (1024 if match[3] else 1000) ** _POWERS[match[2]])
