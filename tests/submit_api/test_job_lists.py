"""Lists of jobs: what they answer, what they read for it, and what becomes of jobs from before there were lists."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fanfold_storage.records import Page, Record, Records
from fanfold_storage.urls import open_records
from fanfold_submit.job_ids import milliseconds_of, new_job_id
from fanfold_submit.jobs.job import Job, Scheduled, State
from fanfold_submit.jobs.job_records import JobRecords
from fanfold_submit.jobs.listed import VERSION, milliseconds_taken, words_in, words_of
from fanfold_submit.lists import pages as job_pages
from fanfold_submit.lists.migration import Migration
from fanfold_submit.lists.pages import JobLists
from fanfold_submit.lists.question import LATEST, Question, Sort
from fanfold_submit.refusals import NoSuchList
from fanfold_web.refusals import InvalidCursor
from tests.servers import etcd
from tests.submit_api.conftest import Site
from tests.submit_api.job_lists import OldJobRecords, wrong_lists
from tests.waiting import at_once, poll

ADAS = Question(owner_ids=("id-of-ada",))
FIRST = 1_795_504_500  # seconds; each job comes one later
NAMES = ["nightly counts", "hourly", "Nightly report"]
STATES = list(State)


def job_at(number: int, owner: str = "ada", **fields: Any) -> Job:
    """A job of its own time."""
    job_id = new_job_id(lambda: FIRST + number)
    schedule = Scheduled(name="nights", tick="2026-11-24T01:00:00Z") if number % 4 == 0 else None
    given = {
        "name": NAMES[number % 3],
        "schedule": schedule,
        "inputs": [f"files:logs/{number % 2}.gz"],
        "output": None,
        **fields,
    }
    return Job(
        id=job_id, owner=owner, owner_id=f"id-of-{owner}", state=State.QUEUED, engine="e", partitions=1,
        created="", conf={"output": job_id, "workers": {"all": 1}}, url="", **given,
    )  # fmt: skip


def store(records: Records, count: int) -> list[Job]:
    """Jobs of two owners in all states, the oldest first."""
    jobs, draw = JobRecords(records), random.Random(7)
    stored = []
    for number in range(count):
        state = draw.choice(STATES)
        job = job_at(number, draw.choice(["ada", "bob"])).model_copy(update={"state": state})
        if state.final:
            times = {"started": "2026-11-24T07:00:00Z", "finished": f"2026-11-24T0{draw.randrange(7, 9)}:20:00Z"}
            job = job.model_copy(update=times)
        assert jobs.admit(job, None)
        stored.append(job)
    Migration(records, jobs).run(lambda: False)
    return stored


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    with closing(open_records(f"sqlite://{tmp_path}/records.db")) as opened:
        yield opened


def everything(lists: JobLists, asked: Question, limit: int) -> list[str]:
    """The ids on all pages."""
    found, cursor = list[str](), ""
    while True:
        page = lists.page(asked, limit, cursor)
        found += [job.id for job in page.jobs]
        assert len(page.jobs) <= limit
        if page.cursor is None:
            return found
        cursor = page.cursor


MOMENTS = st.integers(-2, 42).map(lambda number: (FIRST + number) * 1000)
BY_WHOM = [
    *(Question(owner_ids=ids) for ids in (None, ("id-of-ada",), ("id-of-bob", "id-of-ada"), ("id-of-nobody",))),
    *(Question(owner=name) for name in ("ada", "id-of-bob", "nobody")),
]
QUESTIONS = st.builds(
    replace,
    st.sampled_from(BY_WHOM),
    states=st.sets(st.sampled_from(STATES), max_size=2).map(tuple),
    name=st.sampled_from([None, None, *NAMES, "none"]),
    schedule=st.sampled_from([None, None, "nights", "none"]),
    words=st.sampled_from([(), (), ("nightly",), ("nightly", "counts"), ("0", "gz"), ("none",)]),
    since=st.just(0) | MOMENTS,
    until=st.just(LATEST) | MOMENTS,
    sort=st.sampled_from(Sort),
)


@pytest.mark.thorough
def test_they_answer_what_a_look_at_all_jobs_answers(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = store(records, 40)
    monkeypatch.setattr(job_pages, "MOST_READ", 7)  # so that pages of what is read end within 40 jobs

    @given(asked=QUESTIONS, limit=st.integers(1, 7), as_before=st.booleans())
    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def same(asked: Question, limit: int, as_before: bool) -> None:
        lists = JobLists(records)
        if as_before:
            lists.are_complete = lambda: False  # type: ignore[method-assign]
        wanted = [job for job in stored if asked.matches(job)]
        orders: dict[Sort, Callable[[Job], tuple[int, ...]]] = {
            Sort.NEWEST: lambda job: (-milliseconds_of(job.id),),
            Sort.OLDEST: lambda job: (milliseconds_of(job.id),),
            Sort.DURATION: lambda job: (-(milliseconds_taken(job) or 0), -milliseconds_of(job.id)),
        }
        if asked.sort is Sort.DURATION:
            wanted = [job for job in wanted if milliseconds_taken(job) is not None]
        try:
            found = everything(lists, asked, limit)
        except NoSuchList:
            assert asked.sort is not Sort.NEWEST
            return
        assert found == [job.id for job in sorted(wanted, key=orders[asked.sort])]

    same()


def test_what_has_no_list_is_refused(records: Records) -> None:
    store(records, 1)
    lists = JobLists(records)
    asked = Question(owner_ids=("id-of-ada",))
    for refused in (
        Question(sort=Sort.OLDEST), Question(sort=Sort.DURATION),
        replace(asked, sort=Sort.OLDEST, name="hourly"),
        replace(asked, sort=Sort.OLDEST, states=(State.QUEUED,)), replace(asked, sort=Sort.OLDEST, words=("hourly",)),
        replace(asked, sort=Sort.DURATION, states=(State.FAILED,)), replace(asked, sort=Sort.DURATION, since=1),
    ):  # fmt: skip
        with pytest.raises(NoSuchList):
            lists.page(refused, 1)
    for sort, cursor in ((Sort.NEWEST, "x"), (Sort.OLDEST, "0" * 30), (Sort.DURATION, "0" * 20)):
        with pytest.raises(InvalidCursor):
            lists.page(replace(asked, sort=sort), 1, cursor)


@pytest.mark.thorough
def test_on_etcd_they_are_the_same() -> None:
    with etcd() as cluster, closing(open_records(cluster.url)) as records:
        stored = store(records, 30)
        counted = Counted(records)
        lists = JobLists(counted)  # type: ignore[arg-type]
        assert lists.are_complete()
        for asked in (
            Question(), Question(states=(State.FAILED, State.QUEUED)), Question(owner="bob", name="hourly"),
            Question(words=("nightly", "counts")), Question(schedule="nights"),
            Question(since=(FIRST + 3) * 1000, until=(FIRST + 9) * 1000),
        ):  # fmt: skip
            assert everything(lists, asked, 4) == [job.id for job in stored[::-1] if asked.matches(job)]
        both = ("id-of-ada", "id-of-bob")
        assert everything(lists, Question(owner_ids=both, sort=Sort.OLDEST), 4) == [job.id for job in stored]
        counted.calls = 0
        assert len(lists.page(Question(states=(State.FAILED,)), 4, count=True).jobs) <= 4 and counted.calls <= 3
        for job in stored[:5]:
            current = JobRecords(records).find(job.id)
            assert current and JobRecords(records).change(current, current.job.model_copy(update={"name": "other"}))
        assert wrong_lists(records) == set()


class Counted:
    """Records that count the calls, and the records that these return."""

    def __init__(self, records: Records) -> None:
        self._records, self.calls, self.read = records, 0, 0
        self.bounds = ("", "")
        """Of the last scan."""

    def get(self, key: str) -> Record | None:
        self.calls += 1
        return self._records.get(key)

    def get_many(self, keys: Sequence[str]) -> dict[str, Record]:
        found = self._records.get_many(keys)
        self.calls, self.read = self.calls + 1, self.read + len(found)
        return found

    def count(self, prefix: str, **options: Any) -> int:
        self.calls += 1
        return self._records.count(prefix, **options)

    def scan(self, prefix: str, **options: Any) -> Page:
        page = self._records.scan(prefix, **options)
        self.bounds = options.get("after", ""), options.get("before", "")
        self.calls, self.read = self.calls + 1, self.read + len(page.records)
        return page


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Records]:
    with closing(open_records(f"sqlite://{tmp_path_factory.mktemp('many')}/records.db")) as opened:
        store(opened, 150)
        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setattr(job_pages, "MOST_COUNTED", 60)
            monkeypatch.setattr(job_pages, "MOST_READ", 40)
            yield opened


@pytest.mark.thorough
@pytest.mark.parametrize(
    "asked",
    [
        Question(), ADAS, Question(states=(State.FAILED,)), replace(ADAS, states=(State.FAILED, State.QUEUED)),
        replace(ADAS, name="hourly"), replace(ADAS, words=("nightly",)), replace(ADAS, schedule="nights"),
        replace(ADAS, sort=Sort.OLDEST), replace(ADAS, sort=Sort.DURATION),
        Question(until=(FIRST + 90) * 1000), Question(until=(FIRST + 5) * 1000, states=(State.QUEUED,)),
    ],
    ids=str,
)  # fmt: skip
def test_a_page_costs_two_round_trips_however_many_jobs_there_are(many: Records, asked: Question) -> None:
    counted = Counted(many)
    lists = JobLists(counted)  # type: ignore[arg-type]
    assert lists.are_complete()
    counted.calls = 0
    found = lists.page(asked, 20)
    lists_read = max(1, len(asked.states))
    assert counted.calls == 1 + lists_read
    assert len(found.jobs) <= 20 and counted.read <= 20 + 21 * lists_read
    cursor = found.cursor
    counted.calls = counted.read = 0
    found = lists.page(asked, 20, cursor or "", count=True)
    assert counted.calls == 1 + lists_read * (1 if found.cursor is None else 2)
    assert counted.read <= 20 + 21 * lists_read, "what follows is counted, not read"


@pytest.mark.parametrize("sort", Sort)
def test_a_list_without_bounds_is_read_from_its_first_key(records: Records, sort: Sort) -> None:
    """etcd's records know where that lies (`etcd_spans`)."""
    store(records, 3)
    counted = Counted(records)
    JobLists(counted).page(replace(ADAS, sort=sort), 1)  # type: ignore[arg-type]
    assert counted.bounds == ("", "")


@pytest.mark.thorough
def test_what_is_combined_beyond_the_lists_is_read_in_bounds(many: Records) -> None:
    counted = Counted(many)
    lists = JobLists(counted)  # type: ignore[arg-type]
    found = lists.page(Question(words=("nightly",), name="none"), 20, count=True)
    assert (found.jobs, found.more) == ([], None)
    assert found.cursor and counted.calls == 3 and counted.read == 40 + 41


@pytest.mark.thorough
def test_jobs_that_follow_are_counted_up_to_a_bound(many: Records) -> None:
    lists = JobLists(many)

    def more(asked: Question) -> int | None:
        return lists.page(asked, 20, count=True).more

    assert more(Question()) == job_pages.MOST_COUNTED
    assert more(Question(since=(FIRST + 100) * 1000)) == 30
    assert more(Question(since=(FIRST + 140) * 1000)) == 0
    assert lists.page(Question(), 20).more is None


def test_jobs_from_before_the_lists_are_brought_into_them(records: Records) -> None:
    old, jobs, lists = OldJobRecords(records), JobRecords(records), JobLists(records)
    before = [job_at(number) for number in range(60)]
    for job in before:
        old.admit(job)
    assert everything(lists, Question(name="hourly"), 50) == [job.id for job in before[::-1] if job.name == "hourly"]
    with pytest.raises(NoSuchList, match="still being made"):
        lists.page(Question(sort=Sort.OLDEST), 1)
    Migration(records, jobs).run(lambda: False)
    assert wrong_lists(records) == set()
    assert everything(lists, Question(sort=Sort.OLDEST, owner="ada"), 50) == [job.id for job in before]


def test_a_migration_that_is_stopped_goes_on_later(records: Records) -> None:
    for number in range(60):
        OldJobRecords(records).admit(job_at(number))
    answers = iter([False, True, True])
    Migration(records, JobRecords(records)).run(lambda: next(answers))
    assert wrong_lists(records) and not JobLists(records).are_complete()
    Migration(records, JobRecords(records)).run(lambda: False)
    assert not wrong_lists(records) and JobLists(records).are_complete()


@pytest.mark.thorough
def test_replicas_of_the_version_before_serve_meanwhile(records: Records) -> None:
    """They admit jobs and change states while two others migrate; whoever reconciles a job then finds and mends it."""
    old, jobs = OldJobRecords(records), JobRecords(records)
    stored = [job_at(number) for number in range(100)]
    for job in stored:
        old.admit(job)
    later = [job_at(1000 + number) for number in range(50)]

    def play(part: int) -> None:
        if part < 2:
            Migration(records, JobRecords(records)).run(lambda: False)
        elif part == 2:
            for job in later:
                old.admit(job)
        else:
            for job in random.Random(part).sample(stored, 60):
                current = jobs.find(job.id)
                assert current
                if not current.job.state.final:
                    old.change(current, current.job.changed(state=State.RUNNING))

    at_once(5, play)
    for job in (*stored, *later):
        jobs.list_again(job.id)
    assert wrong_lists(records) == set()
    found = [jobs.find(job.id) for job in (*stored, *later)]
    assert all(one and one.job.lists == VERSION for one in found)


@pytest.mark.thorough
def test_whoever_reconciles_a_job_brings_it_into_its_lists(site: Site) -> None:
    ada = site.user()
    ada.put("texts/a.txt")
    job_id = ada.submit(name="once").json()["id"]
    ada.wait(job_id)
    jobs = site.apps[0].app.state.service.jobs
    poll(lambda: not jobs.is_queued(jobs.find(job_id).job))
    current = jobs.find(job_id)
    assert OldJobRecords(site.records).change(current, current.job)
    assert jobs.find(job_id).job.lists != VERSION
    site.apps[0].app.state.service.controller.enqueue(job_id)
    poll(lambda: jobs.find(job_id).job.lists == VERSION)
    assert wrong_lists(site.records) == set()


@pytest.mark.thorough
def test_over_http(site: Site) -> None:
    ada, root = site.user(), site.user("root", "admin")
    ada.put("texts/a.txt")
    ids = [ada.submit(name=name).json()["id"] for name in ("counts of monday", "counts of tuesday", "other")]
    for job_id in ids:
        ada.wait(job_id)
    poll(lambda: site.apps[0].app.state.service.lists.are_complete())

    def found(**query: Any) -> list[str]:
        answer = ada.http.get("/v1/jobs", params=query)
        assert answer.status_code == 200, answer.text
        return [item["id"] for item in answer.json()["items"]]

    assert found(name="other") == [ids[2]]
    assert found(text="Counts") == [ids[1], ids[0]]
    assert found(text="counts MONDAY", state="succeeded") == [ids[0]]
    assert found(state=["failed", "cancelled"]) == []
    assert found(sort="oldest") == ids
    assert sorted(found(sort="duration")) == sorted(ids)
    created = [ada.job(job_id)["created"] for job_id in ids]
    assert found(until=created[0]) == [ids[0]] and found(since="2099-01-01T00:00:00Z") == []
    page = ada.http.get("/v1/jobs", params={"limit": 1, "count": True}).json()
    assert (page["more"], page["cursor"]) == (2, ids[2])
    assert [item["id"] for item in root.http.get("/v1/jobs?owner=ada&text=other").json()["items"]] == [ids[2]]
    refused = ada.http.get("/v1/jobs?sort=oldest&name=other")
    assert (refused.status_code, refused.json()["type"]) == (400, "urn:fanfold:problem:no-such-list")
    for query in ("text=--", "since=monday", "since=2026-11-01T00:00:00", "until=0.5", "until=1795504500", "sort=odd"):
        assert ada.http.get(f"/v1/jobs?{query}").status_code == 422, query


def test_words() -> None:
    job = job_at(0, name="Ünïcode_Name v2", output="files:out/", inputs={"users": ["s3://b/users.csv"], "x": []})
    assert words_of(job) == ["ünïcode_name", "v2", "out", "b", "users", "csv"]
    long = job_at(0, name=" ".join(f"w{number}" for number in range(60)) + "x" * 80)
    assert words_of(long) == [f"w{number}" for number in range(6)]
    assert words_in("x" * 80) == ["x" * 40]
