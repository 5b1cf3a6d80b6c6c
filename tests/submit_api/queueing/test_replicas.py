"""Replicas grant workers and take them back, and die at any write: limits hold, nothing leaks, everybody starts."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from fanfold_storage.records import Expect, Record, Records, Write, scan_all
from fanfold_storage.records.sqlite import SqliteRecords
from fanfold_submit.queueing.entries import HELD, QUEUE, TOTALS, WAITING, Entry
from fanfold_submit.queueing.ledger import Ledger
from fanfold_submit.queueing.limits import Limit, Limits, Running
from fanfold_submit.queueing.totals import Totals
from fanfold_submit.queueing.waiting import Waiting
from tests.submit_api.queueing.test_choosing import refuse_excess

LIMITS = Limits(Limit(4, 3, {"staff": 2}), Limit(6, 4, {"staff": 3}))


class Killed(BaseException):
    """The replica is gone; nothing catches this."""


class Mortal:
    """Records on whose next write the replica dies, before or after it, or another one is faster, if it is told to."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self.death = ""
        self.overtake: Callable[[], Any] = lambda: None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    def transact(self, *arguments: Any) -> Any:
        death, self.death = self.death, ""
        if death == "before":
            raise Killed
        if death == "overtaken":
            self.overtake()
        answer = self._records.transact(*arguments)
        if death == "after":
            raise Killed
        return answer


class Replica:
    """One process: what it last saw, which may be out of date, and its ledger."""

    def __init__(self, records: Records, clock: Any) -> None:
        self.records = Mortal(records)
        self.waiting = Waiting()
        self.ledger = Ledger(self.records, self.waiting, LIMITS, clock)
        self.ledger.load()


class Replicas(RuleBasedStateMachine):
    """Jobs come, are cancelled, end and are tried again, under two replicas of which each may die."""

    jobs = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.records = SqliteRecords(Path(self.folder.name) / "records.db")
        self.seconds = 0.0
        self.replicas = [Replica(self.records, self.now) for _ in range(2)]
        self.alive: dict[str, Entry] = {}

    def now(self) -> float:
        return self.seconds

    @rule(
        target=jobs,
        owner=st.sampled_from(["ada", "bob", "eve"]),
        workers=st.integers(1, 3),
        priority=st.integers(-1, 1),
        is_staff=st.booleans(),
        seen_by=st.sampled_from([(), (0,), (1,), (0, 1)]),
    )
    def submit(self, owner: str, workers: int, priority: int, is_staff: bool, seen_by: tuple[int, ...]) -> Entry:
        entry = Entry(f"{len(self.alive):020d}", owner, workers, priority, ("staff",) if is_staff else ())
        assert isinstance(self.records.transact([Expect(entry.key, 0)], [Write(entry.key, entry.value())]), int)
        self.alive[entry.job] = entry
        for index in seen_by:
            self.replicas[index].waiting.add(entry)
        return entry

    @rule(index=st.integers(0, 1), seconds=st.floats(0, 500))
    def catch_up(self, index: int, seconds: float) -> None:
        """The replica's watch has brought everything."""
        self.seconds += seconds
        self.replicas[index].ledger.load()

    @rule(index=st.integers(0, 1), death=st.sampled_from(["", "overtaken", "before", "after"]))
    def grant(self, index: int, death: str) -> None:
        self._do(index, death, lambda replica: replica.ledger.grant())

    @rule(job=jobs, index=st.integers(0, 1), death=st.sampled_from(["", "overtaken", "before", "after"]))
    def end(self, job: Entry, index: int, death: str) -> None:
        """The job's workers have stopped: its workers are taken back, then it leaves the queue."""
        queued = self._get(QUEUE + job.job)
        if queued and self._do(index, death, lambda replica: replica.ledger.release(job.job)):
            self.records.transact([Expect(queued.key, queued.revision)], [Write(queued.key, None)])

    @rule(job=jobs)
    def cancel(self, job: Entry) -> None:
        """As `JobRecords.change` does: a job that waited is in the queue now, to be ended."""
        if self._get(job.key):
            self.records.transact([], [Write(QUEUE + job.job, {"job": job.job}), Write(job.key, None)])

    @rule(job=jobs, index=st.integers(0, 1), death=st.sampled_from(["", "before", "after"]))
    def try_again(self, job: Entry, index: int, death: str) -> None:
        """A job that has ended goes into the queue again, where it has no right to workers yet."""
        if not any(map(self._get, (QUEUE + job.job, HELD + job.job, job.key))):
            self.records.transact([], [Write(QUEUE + job.job, {"job": job.job})])
            self._do(index, death, lambda replica: replica.ledger.wait(job))

    @invariant()
    def limits_hold_and_sums_add_up(self) -> None:
        sums: dict[str, Running] = {}
        for record in scan_all(self.records, HELD).records:
            entry = Entry.of(record.value)
            for scope in entry.scopes:
                sums[scope] = sums.get(scope, Running()) + Running(1, entry.workers)
        assert self._totals().running == sums
        refuse_excess(sums, LIMITS)
        for record in scan_all(self.records, WAITING).records:
            job = record.value["job"]
            assert not self._get(QUEUE + job) and not self._get(HELD + job), "it waits, or has workers, never both"
        for record in scan_all(self.records, HELD).records:
            assert record.value["job"] in self.alive

    def teardown(self) -> None:
        """Whatever happened: if all that run end, all that wait start, and nothing is left."""
        replica = Replica(self.records, self.now)
        for _ in range(2 * len(self.alive) + 1):
            replica.ledger.grant()
            held = replica.ledger.held()
            for job in held:
                self.seconds += 1
                replica.ledger.release(job)
            if not held:
                break
        assert scan_all(self.records, WAITING).records == [], "nobody waits for ever"
        assert self._totals().running == {}
        self.records.close()
        self.folder.cleanup()

    def _do(self, index: int, death: str, act: Any) -> bool:
        """Whether the replica survived; if not, another takes its place."""
        replica = self.replicas[index]
        replica.records.death = death
        replica.records.overtake = self.replicas[1 - index].ledger.grant
        try:
            act(replica)
        except Killed:
            self.replicas[index] = Replica(self.records, self.now)
            return False
        replica.records.death = ""
        return True

    def _get(self, key: str) -> Record | None:
        return self.records.get(key)

    def _totals(self) -> Totals:
        found = self._get(TOTALS)
        return Totals.of(found.value) if found else Totals()


TestReplicas = Replicas.TestCase
TestReplicas.settings = settings(max_examples=15, stateful_step_count=30, deadline=None)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Replica, Replica]]:
    """Replicas over the same records."""
    records = SqliteRecords(tmp_path / "records.db")
    yield Replica(records, lambda: 0.0), Replica(records, lambda: 0.0)
    records.close()


def waits(replica: Replica, job: str, workers: int = 1) -> None:
    """A job comes, of which only this replica has heard."""
    entry = Entry(job, f"owner-of-{job}", workers)
    replica.records._records.transact([Expect(entry.key, 0)], [Write(entry.key, entry.value())])
    replica.waiting.add(entry)


def test_two_replicas_never_fill_the_same_room(two: tuple[Replica, Replica]) -> None:
    """Each knows another job; either would fit alone."""
    one, other = two
    waits(one, "a", 4)
    waits(other, "b", 4)
    one.records.death, one.records.overtake = "overtaken", other.ledger.grant
    assert one.ledger.grant() == [] and other.ledger.held() == ["b"]


def test_what_one_replica_takes_back_doesnt_undo_what_another_grants(two: tuple[Replica, Replica]) -> None:
    one, other = two
    waits(one, "a")
    one.ledger.grant()
    waits(other, "b")
    one.records.death, one.records.overtake = "overtaken", other.ledger.grant
    one.ledger.release("a")
    found = one.records.get(TOTALS)
    assert Totals.of(found.value).running["all"] == Running(1, 1)
    assert one.ledger.held() == ["b"]
