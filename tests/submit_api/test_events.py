"""A job's events: in order, without a gap or a repeat, also for who comes again, at whichever replica."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest

from fanfold_submit.http import event_stream
from tests.submit_api.conftest import KeyServer, Signer, Site, User
from tests.submit_api.engine import ScriptedEngine
from tests.waiting import poll


class Event(NamedTuple):
    kind: str
    id: int
    data: Any


def events(lines: Iterator[str]) -> Iterator[Event]:
    """The events of a stream; a comment is one of kind `:`."""
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if line.startswith(":"):
            yield Event(":", 0, value)
        elif line:
            fields[name] = value
        elif "data" in fields:
            yield Event(fields["event"], int(fields.get("id", 0)), json.loads(fields["data"]))
            fields = {}


@contextmanager
def stream(user: User, job: str, after: object = None) -> Iterator[Iterator[Event]]:
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    with user.http.stream("GET", f"/v1/jobs/{job}/events", headers=headers) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        yield (event for event in events(answer.iter_lines()) if event.kind != ":")


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
def scripted(open_site: Callable[..., Site], engine: ScriptedEngine) -> Site:
    """A site whose workers do as they are told."""
    site = open_site(engine)
    site.user("ada").put("texts/a.txt")
    return site


def begun(site: Site, engine: ScriptedEngine) -> str:
    """A job that was dispatched."""
    ada = site.user("ada")
    job: str = ada.submit().json()["id"]
    poll(lambda: ada.job(job)["state"] == "dispatched")
    return job


@pytest.mark.thorough
def test_events_tell_of_each_state_until_the_job_ends(scripted: Site, engine: ScriptedEngine) -> None:
    job = begun(scripted, engine)
    with stream(scripted.user("ada"), job) as told:
        first = next(told)
        assert (first.kind, first.data["state"]) == ("job", "dispatched")
        engine.work(job)
        running = next(told)
        assert running.data["state"] == "running" and running.id > first.id
        engine.finish(job)
        engine.end(job)
        *between, done, end = told
    assert all(event.data["state"] == "running" for event in between)
    assert done.data["state"] == "succeeded" and done.data == scripted.user("ada").job(job)
    assert (end.kind, end.data, end.id) == ("end", {"state": "succeeded"}, done.id)
    ids = [first.id, running.id, *(event.id for event in between), done.id]
    assert ids == sorted(set(ids))


@pytest.mark.thorough
def test_who_comes_again_gets_what_was_missed_at_any_replica(scripted: Site, engine: ScriptedEngine) -> None:
    job = begun(scripted, engine)
    other = scripted.replica()
    with stream(scripted.user("ada"), job) as told:
        seen = next(told)
    ada = scripted.user("ada", app=other)
    engine.work(job)
    poll(lambda: ada.job(job)["state"] == "running")
    engine.finish(job)
    engine.end(job)
    ada.wait(job)
    with stream(ada, job, after=seen.id) as told:
        missed = list(told)
    assert [event.data["state"] for event in missed] == ["running", "succeeded", "succeeded"]
    assert missed[-1].kind == "end"
    with stream(ada, job, after=missed[0].id) as told:
        assert [(event.kind, event.id) for event in told] == [(event.kind, event.id) for event in missed[1:]]
    with stream(ada, job, after=missed[-1].id) as told:
        assert list(told) == [missed[-1]], "nothing was missed but the end"


@pytest.mark.parametrize("after", ["9999999999", "-1", "x", "1e3", "٣"])
def test_who_has_seen_what_never_was_begins_anew(scripted: Site, engine: ScriptedEngine, after: str) -> None:
    job = begun(scripted, engine)
    ada = scripted.user("ada")
    with ada.http.stream("GET", f"/v1/jobs/{job}/events", headers=[(b"Last-Event-ID", after.encode())]) as answer:
        told = (event for event in events(answer.iter_lines()) if event.kind != ":")
        anew, now = next(told), next(told)
    assert anew.kind == "anew" and "begins anew" in anew.data["detail"]
    assert now.kind == "job" and now.data["state"] == "dispatched"


@pytest.mark.thorough
def test_silence_is_broken_by_comments(scripted: Site, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "COMMENT_SECONDS", 0.05)
    job = begun(scripted, engine)
    with scripted.user("ada").http.stream("GET", f"/v1/jobs/{job}/events") as answer:
        told = events(answer.iter_lines())
        kinds = [next(told).kind for _ in range(5)]
    assert kinds == [":", "job", ":", ":", ":"]


def test_a_stream_ends_with_its_token(
    scripted: Site, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch, key_server: KeyServer, signer: Signer
) -> None:
    monkeypatch.setattr(event_stream, "COMMENT_SECONDS", 0.05)
    job = begun(scripted, engine)
    ada = scripted.bearer(signer.token("ada"))
    with ada.http.stream("GET", f"/v1/jobs/{job}/events") as answer:
        told = events(answer.iter_lines())
        assert next(told).kind == ":"
        key_server.ended.append("e-ada")
        scripted.apps[0].app.state.service.tokens.keys._fetch()
        *_, last = told
    assert "the access token has ended" in last.data


def test_a_user_has_only_so_many_streams(scripted: Site, engine: ScriptedEngine) -> None:
    job = begun(scripted, engine)
    followers = scripted.apps[0].app.state.service.followers
    followers._each = 2
    ada = scripted.user("ada")
    with stream(ada, job), stream(ada, job):
        answer = ada.http.get(f"/v1/jobs/{job}/events")
        assert answer.status_code == 429 and answer.headers["Retry-After"]
        assert "as many as this service allows" in answer.json()["detail"]
    poll(lambda: not followers._taken)
    with stream(ada, job) as told:
        assert next(told).kind == "job"


@pytest.mark.thorough
def test_others_see_no_events(scripted: Site, engine: ScriptedEngine) -> None:
    job = begun(scripted, engine)
    assert scripted.user("eve").http.get(f"/v1/jobs/{job}/events").status_code == 404
    assert scripted.user("ada").http.head(f"/v1/jobs/{job}/events").status_code == 200
    with stream(scripted.user("root", "admin"), job) as told:
        assert next(told).kind == "job"


def test_many_followers_share_one_watch_which_ends_with_them(scripted: Site, engine: ScriptedEngine) -> None:
    job = begun(scripted, engine)
    changes = scripted.apps[0].app.state.service.changes
    ada = scripted.user("ada")
    with stream(ada, job) as one:
        next(one)
        watch = changes._watch
        with stream(ada, job) as other:
            next(other)
            assert changes._watch is watch
            engine.work(job)
            assert next(one) == next(other)
    poll(lambda: changes._watch is None)


def test_a_stop_of_the_service_ends_its_streams_at_once(scripted: Site, engine: ScriptedEngine) -> None:
    job = begun(scripted, engine)
    other = scripted.replica()
    with stream(scripted.user("ada", app=other), job) as told:
        next(told)
        closing = threading.Thread(target=other.close)
        closing.start()
        assert list(told) == [], "the response is whole"
        closing.join(5)
        assert not closing.is_alive()
    scripted.apps.remove(other)
