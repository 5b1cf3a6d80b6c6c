"""Ids and names that nothing can have: told in words before anything is sent, by every verb that takes one."""

import pytest

from fanfold_client.api.accounts import Delegations
from fanfold_client.api.collections import Users
from fanfold_client.api.problems import NotFound
from fanfold_client.api.transport import Transport
from fanfold_client.client import Client
from fanfold_client.main import run

VERBS = {
    "status": [], "watch": [], "logs": [], "tasks": [], "explain": [], "counters": [], "results": [], "events": [],
    "workflow": [], "cancel": [], "retry": [], "priority": ["1"], "delete": [],
}  # fmt: skip
OUTPUTS = {"logs", "tasks", "explain"}
"""Verbs to which these are folders."""


@pytest.fixture(autouse=True)
def nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FANFOLD_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("FANFOLD_TOKEN", "token")


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("job", ["", "..", "a/b", "nope", "\u202e0midc1z408q1x7f9a2b"])
def test_an_id_that_no_job_can_have(verb: str, job: str, capsys: pytest.CaptureFixture[str]) -> None:
    if job in ("a/b", "..") and verb in OUTPUTS:
        return
    assert run([verb, job, *VERBS[verb]]) == 5
    told = capsys.readouterr()
    assert "a job's id has 20 small letters and digits. `fanfold jobs` lists yours" in told.err
    assert told.out == "" and "\u202e" not in told.err


@pytest.mark.parametrize("action", ["show", "pause", "resume", "run", "remove"])
@pytest.mark.parametrize("name", ["", "..", "a/b", "Nightly"])
def test_a_name_that_no_schedule_can_have(action: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schedule", action, "--", name]) == 5
    assert f"There is no schedule {name!r}" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", "..", "a/b", "Ada"])
def test_a_name_that_no_user_can_have(name: str) -> None:
    users = Users(Transport("http://127.0.0.1:9"))
    for ask in (
        users.get, users.disable, users.enable, users.remove, lambda name: users.grant(name, "viewer"),
        lambda name: users.revoke(name, "viewer"), lambda name: users.set_password(name, "long enough"),
    ):  # fmt: skip
        with pytest.raises(NotFound, match="There is no user"):
            ask(name)


def test_an_id_that_no_user_can_have() -> None:
    with Client("http://127.0.0.1:9") as client, pytest.raises(NotFound, match="There is no user with the id"):
        client.owners.clear("a/b")


def test_an_id_that_no_delegation_can_have() -> None:
    with pytest.raises(NotFound, match="There is no delegation 'a/b'"):
        Delegations(Transport("http://127.0.0.1:9")).end("a/b")
