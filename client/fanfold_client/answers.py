"""The services' answers, as far as the command reads them. Answers may hold more; none of this goes away."""

from typing import Any, NotRequired, TypedDict

FINAL = frozenset({"succeeded", "failed", "cancelled"})
"""The states of a job after which nothing changes."""


class Me(TypedDict):
    """Who a token stands for."""

    name: str
    roles: list[str]


class User(TypedDict):
    """An account, as administrators see it."""

    name: str
    roles: list[str]
    disabled: bool
    created: str


class File(TypedDict):
    """A stored file. `sha256` comes with an upload, `modified` with a list."""

    path: str
    size: int
    sha256: NotRequired[str]
    modified: NotRequired[str]


class Step(TypedDict):
    """How far one step of a stage has come."""

    step: str
    tasks: int | None
    done: int
    failed: int
    records: int
    bytes: int


class Stage(TypedDict):
    """One map and reduce of a job."""

    index: int
    steps: list[Step]


class Job(TypedDict):
    """A job as the service remembers it; `error` is an RFC 9457 problem."""

    id: str
    name: str
    owner: str
    state: str
    desired: str
    engine: str
    inputs: list[str] | dict[str, list[str]]
    output: str | None
    partitions: int
    workflow: dict[str, str] | None
    created: str
    started: str | None
    finished: str | None
    stages: list[Stage]
    counters: dict[str, dict[str, int]]
    error: dict[str, Any] | None


class Part(TypedDict):
    """One file of a job's output."""

    name: str
    records: int
    bytes: int
    sha256: str


class About(TypedDict):
    """What submit_api tells anybody about itself."""

    version: str
    engine: str
    auth_url: str
    argo_ui: str | None
