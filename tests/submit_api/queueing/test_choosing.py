"""Who starts next: the least usage first, nobody for ever last, and no limit exceeded."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfold_submit.queueing.choosing import PASSES, choose
from fanfold_submit.queueing.entries import Entry, user_scope
from fanfold_submit.queueing.limits import Limit, Limits, Running
from fanfold_submit.queueing.totals import HALF_LIFE, Totals


def queues(*entries: Entry) -> dict[str, list[Entry]]:
    """What waits, each owner's jobs in their order."""
    found: dict[str, list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: entry.order):
        found.setdefault(entry.owner, []).append(entry)
    return found


def many(owner: str, count: int, workers: int = 1, start: int = 0) -> list[Entry]:
    return [Entry(f"{start + number:05d}-{owner}", owner, workers) for number in range(count)]


class Machine:
    """Jobs that start when they may and take a second each, until none is left."""

    def __init__(self, entries: Sequence[Entry], limits: Limits) -> None:
        self.waiting, self.limits, self.totals = list(entries), limits, Totals()
        self.running: list[Entry] = []
        self.started: list[str] = []
        self.now = 0.0

    def start(self) -> list[Entry]:
        chosen = choose(queues(*self.waiting), self.totals, self.limits, self.now, 1000)
        self.running += chosen
        self.started += [entry.job for entry in chosen]
        self.waiting = [entry for entry in self.waiting if entry not in chosen]
        return chosen

    def end(self, entry: Entry) -> None:
        self.running.remove(entry)
        self.totals.release(entry, self.now)

    def second(self) -> None:
        """All that run end, and others start."""
        self.now += 1
        for entry in list(self.running):
            self.end(entry)
        self.start()


def test_one_small_job_isnt_held_up_by_a_thousand_of_somebody_else() -> None:
    machine = Machine(many("ada", 1000), Limits(workers=Limit(2)))
    machine.start()
    for _ in range(50):
        machine.second()
    machine.waiting.append(Entry("99999-bob", "bob", 1))
    machine.second()
    assert "99999-bob" in machine.started[-2:], "it is among the next to start"


def test_usage_is_counted_in_worker_seconds_not_in_jobs() -> None:
    """Ada's jobs have four workers each, Bob's one: of a hundred seconds, both get half."""
    entries = [*many("ada", 200, workers=4), *many("bob", 800, start=1)]
    machine = Machine(entries, Limits(workers=Limit(4)))
    machine.start()
    for _ in range(100):
        machine.second()
    used = {
        owner: sum(4 if owner == "ada" else 1 for job in machine.started if job.endswith(owner))
        for owner in ("ada", "bob")
    }
    assert used["ada"] + used["bob"] > 380
    assert used["ada"] == pytest.approx(used["bob"], rel=0.15)


def test_what_was_used_long_ago_is_forgotten() -> None:
    totals = Totals()
    ada, bob = Entry("a", "ada", 10), Entry("b", "bob", 1)
    totals.grant(ada, 0.0)
    totals.release(ada, 1000.0)
    totals.grant(bob, 1000.0)
    totals.release(bob, 1500.0)
    assert totals.usage_of("ada", 1500.0) > totals.usage_of("bob", 1500.0) > 0
    assert totals.usage_of("ada", 1500.0 + HALF_LIFE) == pytest.approx(totals.usage_of("ada", 1500.0) / 2)
    totals.grant(Entry("c", "eve", 1), 1e6)
    totals.release(Entry("c", "eve", 1), 1e6)
    assert totals.usage == {}


def test_within_an_owner_priority_goes_before_age() -> None:
    entries = [Entry("1", "ada", 1), Entry("2", "ada", 1, priority=5), Entry("3", "ada", 1, priority=-5)]
    machine = Machine(entries, Limits(jobs=Limit(1)))
    machine.start()
    machine.second()
    machine.second()
    assert machine.started == ["2", "1", "3"]


def test_an_owner_at_a_limit_of_their_own_holds_up_nobody_else() -> None:
    machine = Machine([*many("ada", 10), *many("bob", 10, start=1)], Limits(Limit(each=2), Limit(20)))
    assert sorted(entry.owner for entry in machine.start()) == ["ada", "ada", "bob", "bob"]


def test_members_of_a_group_share_its_limit() -> None:
    staff = [Entry(f"{number}", f"user{number}", 2, groups=("staff",)) for number in range(5)]
    machine = Machine([*staff, *many("guest", 3, start=9)], Limits(workers=Limit(groups={"staff": 5})))
    assert {entry.job for entry in machine.start()} == {"0", "1", "00009-guest", "00010-guest", "00011-guest"}


def test_small_jobs_pass_a_large_one_only_so_often() -> None:
    """However many small jobs come, the large one starts once enough of those that run have ended."""
    machine = Machine(many("bob", 3), Limits(workers=Limit(4)))
    machine.start()
    large = Entry("00000-large", "ada", 4)
    machine.waiting += [large, *many("bob", 1000, start=10)]
    passed = 0
    while large not in machine.running:
        machine.now += 1
        machine.end(machine.running[0])
        passed += sum(entry != large for entry in machine.start())
        assert passed <= PASSES
    assert passed == PASSES


def test_room_is_kept_for_nobody_who_has_left() -> None:
    machine = Machine([*many("bob", 3), Entry("9-large", "ada", 4)], Limits(workers=Limit(4)))
    machine.start()
    machine.waiting = many("bob", 20, start=10)
    machine.totals.passed = {scope: type(passed)(passed.job, PASSES) for scope, passed in machine.totals.passed.items()}
    assert machine.totals.passed and not machine.start()
    machine.totals.forget_passed(lambda job: job in {entry.job for entry in machine.waiting})
    assert machine.start()


def test_a_job_larger_than_a_limit_that_was_lowered_starts_alone() -> None:
    machine = Machine([*many("bob", 2), Entry("9", "ada", 40)], Limits(workers=Limit(4)))
    while machine.waiting:
        machine.second()
        assert len(machine.running) == 1 or "9" not in {entry.job for entry in machine.running}
    assert "9" in machine.started


ENTRIES = st.lists(
    st.builds(
        lambda number, owner, workers, priority, groups: (number, owner, workers, priority, groups),
        st.integers(0, 10**6),
        st.sampled_from(["ada", "bob", "eve"]),
        st.integers(1, 4),
        st.integers(-2, 2),
        st.sampled_from([(), ("staff",)]),
    ),
    max_size=30,
    unique_by=lambda fields: fields[0],
)


@given(ENTRIES, st.integers(0, 100))
def test_limits_hold_and_everybody_starts(fields: list[tuple[int, str, int, int, tuple[str, ...]]], seed: int) -> None:
    limits = Limits(Limit(5, 3, {"staff": 2}), Limit(6, 4, {"staff": 4}))
    entries = [Entry(f"{number:07d}", owner, workers, rank, groups) for number, owner, workers, rank, groups in fields]
    machine = Machine(entries, limits)
    while machine.waiting or machine.running:
        machine.start()
        refuse_excess(machine.totals.running, limits)
        assert machine.running, "something always runs"
        machine.now += seed % 7
        machine.end(machine.running[(seed * 31) % len(machine.running)])
    assert sorted(machine.started) == sorted(entry.job for entry in entries)
    assert machine.totals.running == {} and machine.totals.passed == {}


def refuse_excess(running: Mapping[str, Running], limits: Limits) -> None:
    """Fail if more runs than the limits allow."""
    for scope, now in running.items():
        assert now.jobs <= (limits.jobs.of(scope) or 1e9), scope
        assert now.workers <= (limits.workers.of(scope) or 1e9), scope


def test_usage_counts_workers_that_have_just_started() -> None:
    totals = Totals()
    totals.grant(Entry("a", "ada", 3), 0.0)
    assert totals.usage_of("ada", 0.0) > totals.usage_of("bob", 0.0) == 0
    assert totals.running[user_scope("ada")] == Running(1, 3)
    assert Totals.of(totals.value()).usage_of("ada", 50.0) == pytest.approx(totals.usage_of("ada", 50.0))
