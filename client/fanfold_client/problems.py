"""What can go wrong between the command and the services, one class per exit status that design and docs name.

    ClientError
    ├── Refused       3  the service looked at the request and will not do it: nothing was done
    ├── NotAllowed    4  no token, a bad one, or a role too low
    ├── NotFound      5  there is no such job, file or user (or it is someone else's)
    ├── Conflict      5  it exists already, or has changed meanwhile
    ├── Away          6  the service did not answer, or answered that it cannot now
    └── Corrupt       6  what came does not match its checksum

A service's RFC 9457 problem becomes one of these by `from_problem`; its members stay at hand in `problem`.
"""

from typing import Any


class ClientError(Exception):
    """Anything that `Client` raises; the text says what, where and how to mend it."""

    exit_status = 1

    def __init__(self, text: str, problem: dict[str, Any] | None = None) -> None:
        super().__init__(text)
        self.problem: dict[str, Any] = problem or {}


class Refused(ClientError):
    """The request can't be done as asked; nothing was done."""

    exit_status = 3


class NotAllowed(ClientError):
    """No token, a token that isn't accepted, or a role that doesn't suffice."""

    exit_status = 4


class NotFound(ClientError):
    """There is no such thing, or it belongs to someone else."""

    exit_status = 5


class Conflict(ClientError):
    """It exists already, or its state doesn't allow this."""

    exit_status = 5


class Away(ClientError):
    """The service did not answer, or answered that it cannot now."""

    exit_status = 6


class Corrupt(ClientError):
    """Bytes that came don't match the checksum that the service named for them."""

    exit_status = 6


_BY_STATUS: dict[int, type[ClientError]] = {
    401: NotAllowed,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    410: NotFound,
    412: Conflict,
    429: Away,
}

_BY_TYPE: dict[str, type[ClientError]] = {
    "output-exists": Refused,  # a job that can't be planned, like one whose input is missing
    "key-reused": Conflict,
}
"""Where a problem's type (its last part) says more than the HTTP status."""

_FOR_THE_COMMAND: dict[str, tuple[str, str]] = {
    "no-such-job": ("List yours with GET /v1/jobs.", "`fanfold jobs` lists yours."),
}
"""By a problem's type: the route that the service names as the way to mend it, and the command instead."""


def from_problem(status: int, problem: dict[str, Any]) -> ClientError:
    """The exception for an answer of `status` (400 and up) with this problem body.

    >>> from_problem(404, {"title": "Not Found", "detail": "there is no job 7f"})
    NotFound('there is no job 7f')
    """
    slug = str(problem.get("type", "")).rpartition(":")[2]
    kind = _BY_TYPE.get(slug) or _BY_STATUS.get(status, Away if status >= 500 else Refused)
    if slug in _FOR_THE_COMMAND:
        problem = {**problem, "detail": str(problem.get("detail", "")).replace(*_FOR_THE_COMMAND[slug])}
    text = problem.get("detail") or problem.get("title") or f"the service answered with HTTP status {status}"
    return kind(str(text), problem)
