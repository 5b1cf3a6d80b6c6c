"""An exit status means the same wherever it comes from: numbers that scripts compare."""

import pytest

from fanfold.authoring.uncaught import REFUSED
from fanfold.engines.protocol import EngineError, Foreign
from fanfold.errors import InvalidJob, JobFailed, Refused, UnknownJob
from fanfold.terminal.errors import Exit, status_of
from fanfold_client.api import problems
from fanfold_client.api.problems import from_problem
from fanfold_steps.tree.failed import Failure
from fanfold_storage import errors
from fanfold_web.command import Exit as ServiceExit

STATUSES = {
    "DONE": 0, "FAILED": 1, "USAGE": 2, "REFUSED": 3, "NOT_ALLOWED": 4, "NOT_FOUND": 5, "AWAY": 6, "OUR_FAULT": 70,
    "INTERRUPTED": 130, "READER_LEFT": 141,
}  # fmt: skip


def test_a_status_is_never_renumbered():
    assert {status.name: status.value for status in Exit} == STATUSES
    services = {status.name: status.value for status in ServiceExit}
    assert services.pop("CONFLICT") == STATUSES["NOT_FOUND"]
    assert services == {name: STATUSES[name] for name in services}
    assert REFUSED == Exit.REFUSED


@pytest.mark.parametrize(
    ("name", "status"),
    [("Refused", 3), ("NotAllowed", 4), ("NotFound", 5), ("Conflict", 5), ("Away", 6), ("Corrupt", 6)],
)
def test_what_the_client_raises_has_a_status(name: str, status: int):
    assert status_of(getattr(problems, name)("why")) == status


@pytest.mark.parametrize(
    ("http", "status"),
    [
        (400, 3), (401, 4), (403, 4), (404, 5), (409, 5), (410, 5), (412, 5), (413, 3), (422, 3), (429, 6), (499, 3),
        (500, 6), (503, 6),
    ],
)  # fmt: skip
def test_an_http_status_becomes_an_exit_status(http: int, status: int):
    assert status_of(from_problem(http, {})) == status
    assert str(http) in str(from_problem(http, {}))


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (JobFailed(Failure(message="no")), 1), (Refused("no"), 3), (InvalidJob("no"), 3), (UnknownJob("no"), 3),
        (errors.InvalidKey("no"), 3), (errors.Unsupported("no"), 3), (errors.PermissionDenied("no"), 4),
        (Foreign("no"), 5), (EngineError("no"), 6), (errors.Unavailable("no"), 6), (OSError("no"), 3), (KeyError(), 70),
    ],
    ids=repr,
)  # fmt: skip
def test_what_the_verbs_raise_has_a_status(error: Exception, status: int):
    assert status_of(error) == status
