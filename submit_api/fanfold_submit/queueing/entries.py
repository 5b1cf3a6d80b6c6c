"""What waits and what runs, as records.

submit/queue/ID                           the job needs reconciling: it runs, or is to be cancelled
submit/slots/waiting/OWNER/PRIORITY-ID    the job waits for workers; sorts by priority, then by age
submit/slots/held/ID                      the job holds workers, from before they start until they have stopped
submit/slots/held                         the sums of all those (`totals.Totals`)

A job is in the queue or waits, never both: each change from one to the other is one transaction. The sums sort before
the records that they sum up, so that one scan reads both at one revision.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

QUEUE = "submit/queue/"
SLOTS = "submit/slots/"
WAITING = f"{SLOTS}waiting/"
TOTALS = f"{SLOTS}held"
HELD = f"{TOTALS}/"
LOWEST, HIGHEST = -100, 100  # priorities
ALL = "all"


@dataclass(frozen=True, slots=True)
class Entry:
    """A job that waits or runs: whose it is, and how many workers it has at a time."""

    job: str
    owner: str
    """A user's id."""
    workers: int
    priority: int = 0
    groups: tuple[str, ...] = ()
    """Of the owner, as the token said when the job was admitted."""

    @property
    def order(self) -> tuple[int, str]:
        """Sorts an owner's jobs in the order in which they start. Ids sort by age."""
        return -self.priority, self.job

    @property
    def key(self) -> str:
        """The key of its record while it waits.

        >>> Entry("0b", "ada", 1).key < Entry("0c", "ada", 1).key < Entry("0a", "ada", 1, priority=-1).key
        True
        """
        return f"{WAITING}{self.owner}/{HIGHEST - self.priority:03d}-{self.job}"

    @property
    def scopes(self) -> tuple[str, ...]:
        """Whose limits hold for it."""
        return (ALL, *(group_scope(group) for group in self.groups), user_scope(self.owner))

    def value(self) -> dict[str, Any]:
        """Its record."""
        return {
            "job": self.job,
            "owner": self.owner,
            "workers": self.workers,
            "priority": self.priority,
            "groups": list(self.groups),
        }

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> "Entry":
        """The entry of a record."""
        return cls(value["job"], value["owner"], value["workers"], value["priority"], tuple(value["groups"]))


def user_scope(owner: str) -> str:
    """The scope of the limits of one user."""
    return f"user/{owner}"


def group_scope(group: str) -> str:
    """The scope of the limits of one group."""
    return f"group/{group}"


def job_of(waiting_key: str) -> str:
    """The id of the job whose record while it waits has this key.

    >>> job_of(Entry("000m3k2v8q1x7f9a2b4c", "ada", 1).key)
    '000m3k2v8q1x7f9a2b4c'
    """
    return waiting_key.rpartition("-")[2]
