"""What can go wrong between the command and the services: one class per exit status, and more for status 6.

    ClientError
    ├── Refused       3  the service rejected the request, and nothing was done
    ├── NotAllowed    4  no token, an invalid one, or a missing role
    ├── NotFound      5  no such job, file or user (or it belongs to someone else)
    ├── Conflict      5  it already exists, or has changed in the meantime
    ├── Away          6  the service didn't respond, or is unavailable
    └── Corrupt       6  received data doesn't match its checksum

`from_problem` turns a service's RFC 9457 problem into one of these, which keeps its members in `problem`.
"""

from typing import Any

from fanfold import errors


class ClientError(Exception):
    """Any exception of `Client`. The message says what, where and how to fix it."""

    exit_status = 1

    def __init__(self, text: str, problem: dict[str, Any] | None = None) -> None:
        super().__init__(text)
        self.problem: dict[str, Any] = problem or {}


class Refused(ClientError, errors.Refused):
    """The request was rejected, and nothing was done. Whoever catches `fanfold.Refused` catches this, too."""

    exit_status = 3


class NotAllowed(ClientError):
    """There is no token, it is invalid, or the user lacks a role."""

    exit_status = 4


class NotFound(ClientError):
    """It doesn't exist, or belongs to someone else."""

    exit_status = 5


class Conflict(ClientError):
    """It already exists, or its state doesn't allow this."""

    exit_status = 5


class Away(ClientError):
    """The service didn't respond, or is unavailable."""

    exit_status = 6


class Corrupt(ClientError):
    """The bytes received don't match the checksum that the service gave for them."""

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
"""Problem types, by their last part, that say more than the HTTP status."""

_FOR_THE_COMMAND: dict[str, tuple[str, str]] = {
    "no-such-job": ("List yours with GET /v1/jobs.", "`fanfold jobs` lists yours."),
    "no-such-delegation": ("List yours with GET /v1/delegations.", "`fanfold delegations list` lists yours."),
    "no-such-schedule": ("List yours with GET /v1/schedules.", "`fanfold schedule list` lists yours."),
}
"""By problem type: the route that the service suggests, and the command that replaces it in the message."""


def from_problem(status: int, problem: dict[str, Any]) -> ClientError:
    """The exception for an error response.

    Args:
        status: the HTTP status, 400 or greater.
        problem: the problem details in the body.

    >>> from_problem(404, {"title": "Not Found", "detail": "there is no job 7f"})
    NotFound('there is no job 7f')
    """
    slug = str(problem.get("type", "")).rpartition(":")[2]
    kind = _BY_TYPE.get(slug) or _BY_STATUS.get(status, Away if status >= 500 else Refused)
    if slug in _FOR_THE_COMMAND:
        problem = {**problem, "detail": str(problem.get("detail", "")).replace(*_FOR_THE_COMMAND[slug])}
    text = problem.get("detail") or problem.get("title") or f"the service responded with HTTP status {status}"
    return kind(str(text), problem)
