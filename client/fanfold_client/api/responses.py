"""The services' responses, as far as the command reads them. Responses may have more fields, but never fewer."""

from typing import Any, NotRequired, TypedDict

FINAL = frozenset({"succeeded", "failed", "cancelled"})
"""The final states of a job."""


class Me(TypedDict):
    """The user to whom a token belongs."""

    id: str
    name: str
    roles: list[str]
    groups: NotRequired[list[str]]
    """The teams whose jobs and files the user shares."""


class User(TypedDict):
    """An account, as administrators see it."""

    id: str
    name: str
    roles: list[str]
    groups: NotRequired[list[str]]
    disabled: bool
    created: str


class File(TypedDict):
    """A stored file; in a list, it may be a folder. `sha256` is set after an upload, `modified` in a list."""

    path: str
    size: int
    sha256: NotRequired[str]
    modified: NotRequired[str]
    files: NotRequired[int | None]
    """How many are in a folder."""


class Step(TypedDict):
    """The progress of one step of a stage."""

    step: str
    tasks: int | None
    done: int
    failed: int
    records: int
    bytes: int


class Stage(TypedDict):
    """A map and a reduce of a job."""

    index: int
    steps: list[Step]


class Wait(TypedDict):
    """Why a job doesn't run yet; `place` is its place in the queue."""

    reason: str
    message: str
    place: int | None


class Job(TypedDict):
    """A job as the service records it; `error` is an RFC 9457 problem."""

    id: str
    name: str
    owner: str
    state: str
    desired: str
    engine: str
    admitted: bool
    inputs: list[str] | dict[str, list[str]]
    output: str | None
    team: NotRequired[str | None]
    partitions: int
    workflow: dict[str, str] | None
    created: str
    started: str | None
    finished: str | None
    stages: list[Stage]
    counters: dict[str, dict[str, int]]
    error: dict[str, Any] | None
    notes: NotRequired[list[str]]
    runs: NotRequired[int]
    retried: NotRequired[str | None]
    resumed: NotRequired[bool | None]
    anew: NotRequired[list[int]]
    waiting: NotRequired[Wait | None]
    priority: NotRequired[int]
    worker_seconds: NotRequired[float]
    schedule: NotRequired[dict[str, str] | None]
    notify: NotRequired[str | None]
    notified: NotRequired[dict[str, Any] | None]


class Task(TypedDict):
    """A task of a job. Sizes are bytes; `started` is in Unix seconds."""

    stage: int
    step: str
    index: int
    state: str
    worker: str
    host: str
    attempts: int
    records: int
    bytes_in: int
    bytes_out: int
    started: float | None
    seconds: float | None
    cpu_seconds: float | None
    spills: int
    spilled: int
    skipped: int
    status: str


class LogLine(TypedDict):
    """A line of a job's log. `task` is STAGE/STEP/INDEX; `by` says who wrote it: job, progress or fanfold."""

    time: str
    worker: str
    task: str | None
    by: str
    text: str


class Finding(TypedDict):
    """Something that bounds a job: a code for programs, what is so, and what to change."""

    code: str
    message: str
    change: str


class Explanation(TypedDict):
    """What bounds a job; and by step, how unequal its tasks are."""

    findings: list[Finding]
    skew: list[dict[str, Any]]


class Part(TypedDict):
    """One file of a job's output."""

    name: str
    records: int
    bytes: int
    sha256: str


class Results(TypedDict):
    """The files of a job's output, and of each named one."""

    parts: list[Part]
    outputs: NotRequired[dict[str, list[Part]]]


class BadRecord(TypedDict):
    """A record, or a key, that a job has skipped."""

    step: str
    file: str | None
    offset: int | None
    record: str | None
    key: str | None
    problem: str
    traceback: str | None
    again: str | None


class Key(TypedDict):
    """A key that signs tokens, as a JWK; `signs_from` is set when it is new."""

    kid: str
    alg: str
    signs_from: NotRequired[str]


class About(TypedDict):
    """What the submit service says about itself, without a login."""

    version: str
    engine: str
    auth_url: str
    steps_python: str
    steps_platform: str
    argo_ui: str | None
