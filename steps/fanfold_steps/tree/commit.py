"""The commit: what a successful attempt at a task leaves. It is put-if-absent, and makes its attempt the one that
counts."""

from dataclasses import asdict, dataclass, field
from typing import Any

from fanfold_steps.tree.typed import read_as
from fanfold_steps.tree.version import TREE_VERSION, demand_version

Counters = dict[str, dict[str, int]]
"""Numbers by group, then by name."""


@dataclass(frozen=True, slots=True)
class Part:
    """A staged part of the output, which becomes visible when the job is finished."""

    name: str
    handle: str
    """What the store needs to make it visible, from any process."""
    records: int
    bytes: int
    sha256: str
    columns: Any = None
    """Its columns, as its format's `SharedColumns` defines them; None if parts needn't have the same columns."""


@dataclass(frozen=True, slots=True)
class Written:
    """What an attempt has written: parts, or between two stages a run."""

    records: int
    bytes: int
    parts: tuple[Part, ...] = ()
    """Empty if it is a run."""


@dataclass(frozen=True, slots=True)
class FirstBad:
    """The first bad record, or key, that an attempt quarantined."""

    where: str
    """In words: the file, the offset and the record, or the key."""
    problem: str
    traceback: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """The bad records, or keys, that an attempt quarantined."""

    count: int
    key: str
    """The key of the file in the tree that holds them, with what was wrong."""
    first: FirstBad
    kept: str | None = None
    """Where records lie as they were, to be read again; None if there are none."""


@dataclass(frozen=True, slots=True)
class HeavyKey:
    """A key as it is shown, the partition that it is in, and how many values it has at least."""

    key: str
    partition: int
    values: int


@dataclass(frozen=True, slots=True)
class KeyWeights:
    """How many values a map task wrote for a reducer that gets them one by one, and the keys that have most."""

    values: int
    missed: int
    """By how much the values of any key may be too low."""
    keys: tuple[HeavyKey, ...]


@dataclass(frozen=True, slots=True)
class Commit:
    """What a successful attempt leaves; the fields are listed in ARCHITECTURE.md, too."""

    attempt: str
    records: int
    """How many records a map task read, or another task wrote."""
    bytes: int
    """Bytes of what it wrote: a run, or parts."""
    read: int = 0
    """Bytes that it read: a map task of input, before decompression; another task of runs."""
    counters: Counters = field(default_factory=dict)
    """What the user's code counted."""
    parts: tuple[Part, ...] = ()
    """The parts of the output that it staged; only tasks of the last stage's last step do."""
    named: dict[str, Written] = field(default_factory=dict)
    """By named output, the parts that it staged; the same tasks do."""
    side_records: int | None = None
    """Bytes of the run of records for named outputs that an earlier task emitted; None if it emitted none."""
    keys: int = 0
    """How many keys a reducer was called with, under `on_error=Skip()`."""
    skipped: Skipped | None = None
    seconds: float = 0.0
    """How long the attempt took."""
    cpu_seconds: float = 0.0
    """How long it computed, with the processes that it started."""
    started: float = 0.0
    """When it began, in Unix seconds by the clock of its machine."""
    worker: str = ""
    host: str = ""
    """The machine or pod."""
    attempts: int = 1
    """How many attempts at the task were begun, with those of workers that died and backup tasks, as far as known."""
    spills: int = 0
    """How often it wrote to its own disk what didn't fit into memory."""
    spilled: int = 0
    """How many bytes that were."""
    weights: KeyWeights | None = None
    """The heaviest keys that a map task wrote; None where values are combined before they are reduced."""

    def to_json(self) -> dict[str, Any]:
        """The content of the commit's file."""
        return {"version": TREE_VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, data: object, url: str) -> "Commit":
        """The commit in the file at `url`. Raises OtherVersion, Malformed."""
        demand_version(data, url)
        return read_as(cls, data, url)
