"""jobs: what it lists, in which order, and what it says of the rest."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fanfold_client.api.collections import JobListing, Jobs
from fanfold_client.api.job_filters import moment_of, query_of
from fanfold_client.api.problems import Refused
from fanfold_client.client import Client
from fanfold_client.verbs.jobs.jobs import jobs
from tests.client.services import COMMAND, Person
from tests.client.terminal import at_terminal


class Service:
    """Answers pages as they are told."""

    def __init__(self, *pages: dict[str, Any]) -> None:
        self.pages, self.asked = list(pages), list[Any]()

    def json(self, method: str, path: str, *, params: Any) -> dict[str, Any]:
        self.asked.append(dict(params))
        return self.pages.pop(0)


def job(**fields: Any) -> dict[str, Any]:
    """A job as the service tells it."""
    steps = [{"step": "map", "tasks": 4, "done": 3}, {"step": "reduce", "tasks": None, "done": 0}]
    times = {"created": "2026-11-24T07:15:00.000Z", "started": "2026-11-24T07:15:01.000Z", "finished": None}
    return (
        {"id": "1" * 20, "name": "n", "state": "running", "owner": "ada", "stages": [{"steps": steps}]} | times | fields
    )


def shown(listing: JobListing, *words: str, capsys: pytest.CaptureFixture[str]) -> tuple[list[list[str]], str]:
    """The words of each line that the verb prints of these jobs, and what it says beside."""

    class Fake:
        class jobs:
            @staticmethod
            def first(limit: int, **_: Any) -> JobListing:
                return listing

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Client, "__init__", lambda *_, **__: None)
        patch.setattr(Client, "__exit__", lambda *_: None)
        patch.setattr(Client, "jobs", Fake.jobs, raising=False)
        jobs.main(list(words), standalone_mode=False)
    told = capsys.readouterr()
    return [line.split() for line in told.out.splitlines()], told.err.strip()


def test_it_tells_progress_duration_and_what_follows(capsys: pytest.CaptureFixture[str]) -> None:
    done = job(finished="2026-11-24T08:16:02.500Z", state="succeeded", stages=[])
    two: Any = [job(), done]
    listing = JobListing(two, 1000, are_all=False)
    lines, told = shown(listing, "--all", capsys=capsys)
    assert lines[0] == ["ID", "NAME", "STATE", "PROGRESS", "DURATION", "OWNER", "CREATED"]
    assert lines[1][2:4] == ["running", "3/4"] and lines[1][5] == "ada"
    assert lines[2][2:6] == ["succeeded", "-", "1:01:01", "ada"]
    assert told == "at least 1,000 more: raise --limit, or filter them"


def test_it_says_that_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    none = JobListing([], 0, are_all=True)
    assert shown(none, capsys=capsys) == ([], "You have no jobs: fanfold submit starts one.")
    assert shown(none, "--state", "failed", capsys=capsys) == ([], "No job matches.")
    assert shown(none, "--json", capsys=capsys)[0] == [['{"items":', "[]}"]]


def test_short_pages_are_followed_until_there_are_enough() -> None:
    service = Service(
        {"items": [job()], "cursor": "a", "more": None},
        {"items": [], "cursor": "b", "more": None},
        {"items": [job(), job()], "cursor": "c", "more": 7},
    )
    found = Jobs(service).first(3, text="nightly", state=["failed", "running"])  # type: ignore[arg-type]
    assert (len(found.jobs), found.more, found.are_all) == (3, 7, False)
    assert [asked.get("cursor") for asked in service.asked] == [None, "a", "b"]
    assert [asked["limit"] for asked in service.asked] == ["3", "2", "2"]
    assert service.asked[0] | {"limit": ""} == {
        "text": "nightly", "state": ["failed", "running"], "limit": "", "count": "true",
    }  # fmt: skip


def test_times() -> None:
    now = datetime.now(UTC)
    for text, seconds in (("30m", 1800), ("12h", 43200), ("2d", 172800), ("1w", 604800)):
        ago = now - datetime.fromisoformat(moment_of(text, "since"))
        assert abs(ago.total_seconds() - seconds) < 30
    assert moment_of("2026-11-01T00:00+02:00", "since") == "2026-11-01T00:00:00+02:00"
    first, last = (datetime.fromisoformat(moment_of("2026-11-01", name)) for name in ("since", "until"))
    assert first.tzinfo and last - first == timedelta(days=1, milliseconds=-1)
    assert query_of({"until": datetime(2026, 11, 1, tzinfo=UTC), "everybody": False})["until"]
    for wrong in ("monday", "2x", "9999999d", "2026-13-01"):
        with pytest.raises(Refused, match="how long ago"):
            moment_of(wrong, "since")


@pytest.mark.thorough
def test_jobs_are_found_and_fit_the_terminal(fanfold: Person, texts: Path) -> None:
    fanfold("put", texts, "texts")
    name = "a name that is far too long for a terminal of eighty columns, as people like to give"
    first = fanfold("submit", "wordcount", "--input", "files:texts/", "--watch").text.strip()
    second = fanfold("submit", "wordcount", "--input", "files:texts/", "--name", name, "--watch").text.strip()

    def ids(*words: str) -> list[str]:
        return [item["id"] for item in fanfold("jobs", "--json", *words).json["items"]]

    assert ids("--since", "1h") == [second, first]
    assert ids("--text", "Name") == [second]
    assert ids("--name", "wordcount", "--state", "succeeded", "--state", "failed") == [first]
    assert ids("--sort", "oldest") == [first, second]
    assert "1 more" in fanfold("jobs", "--limit", "1").stderr
    assert "for one owner and without filters" in fanfold("jobs", "--sort", "oldest", "--name", name, status=3).stderr
    left = at_terminal([*COMMAND, "jobs"], fanfold.environ | {"COLUMNS": "100"})
    assert all(len(line) <= 100 for line in left.shown.splitlines()) and "…" in left.shown
    assert name in fanfold("jobs").text
    assert json.loads(fanfold("jobs", "--json").text)["items"]
