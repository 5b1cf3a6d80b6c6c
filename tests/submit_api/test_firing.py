"""What becomes of a schedule's ticks: fired once, skipped, waiting, missed, refused; and all of it told."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fanfold_storage.records import Records, Write, scan_all
from fanfold_storage.urls import open_records
from fanfold_submit.jobs.job import Job, State
from fanfold_submit.jobs.job_records import KEYS
from fanfold_submit.refusals import AuthAway, DelegationEnded
from fanfold_submit.schedules.firing import LOOK, MOST_CAUGHT_UP, MOST_WAITING
from tests.submit_api.scheduling import ADA, Scheduling
from tests.waiting import at_once


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    records = open_records(f"sqlite://{tmp_path}/records.db")
    yield records
    records.close()


@pytest.fixture
def world(tmp_path: Path, records: Records) -> Scheduling:
    return Scheduling(tmp_path, records)


def test_a_tick_submits_a_job_of_its_owner_once(world: Scheduling) -> None:
    world.add(request={"output": "files:counts/{date}/{scheduled}/", "name": "count {date}"}, timezone="Europe/Athens")
    assert world.fire() == 270.0
    assert world.submitted() == []
    world.wall.set("2026-11-24T22:00:02Z")
    world.fire()
    world.fire()
    (job,) = world.submitted()
    assert (job.owner_id, job.name) == ("ada", "count 2026-11-25")
    assert job.output == "files:counts/2026-11-25/20261124T220000Z/"
    assert job.view().schedule and job.schedule and job.schedule.tick == "2026-11-24T22:00:00Z"


def test_how_late_a_tick_was_is_counted_but_not_that_it_waited(world: Scheduling) -> None:
    world.add(overlap="queue")
    delays = world.meters.tick_delay
    for minute, second in ((20, 45), (30, 5)):
        world.wall.set(f"2026-11-24T07:{minute}:{second:02}Z")
        world.fire()
    assert 44 < delays._sum.get() < 46
    world.end(world.submitted()[0])
    world.wall.set("2026-11-24T07:38:00Z")
    world.fire()
    assert world.ticks() == ["2026-11-24T07:20:00Z", "2026-11-24T07:30:00Z"]
    assert delays._sum.get() < 46, "the second waited for the first"


def test_replicas_that_fire_together_submit_one_job_for_each_tick(world: Scheduling) -> None:
    world.add(overlap="allow", catch_up="all")
    world.wall.set("2026-11-24T08:20:01Z")
    replicas = [world.replica() for _ in range(4)]
    at_once(4, lambda index: replicas[index].fire())
    assert world.ticks() == [f"2026-11-24T{hour}:{minute}:00Z" for hour, minute in TEN_MINUTES]
    assert len(world.stored_schedule().history) == len(TEN_MINUTES)


TEN_MINUTES = [("07", 20), ("07", 30), ("07", 40), ("07", 50), ("08", "00"), ("08", 10), ("08", 20)]


def test_clocks_that_differ_cost_time_alone(world: Scheduling) -> None:
    world.add(overlap="allow")
    ahead, behind = (world.replica(now=lambda skew=skew: world.wall() + skew) for skew in (45, -45))
    for second in range(0, 1800, 15):
        world.wall.set("2026-11-24T07:15:30Z")
        world.wall.now += second
        for replica in (behind, ahead, world):
            replica.fire()
    assert world.ticks() == ["2026-11-24T07:20:00Z", "2026-11-24T07:30:00Z", "2026-11-24T07:40:00Z"]


def test_a_tick_is_skipped_while_an_earlier_job_runs(world: Scheduling) -> None:
    world.add()
    for minute in (20, 30, 40):
        world.wall.set(f"2026-11-24T07:{minute}:01Z")
        world.fire()
    world.end(world.submitted()[0])
    world.wall.set("2026-11-24T07:50:01Z")
    world.fire()
    assert world.history() == [("24T07:20", "submitted", 1), ("24T07:30", "skipped", 2), ("24T07:50", "submitted", 1)]
    counted = {outcome: world.meters.ticks.labels(outcome)._value.get() for outcome in ("submitted", "skipped")}
    assert counted == {"submitted": 2, "skipped": 2}
    entry = world.stored_schedule().history[1]
    assert entry.until == "2026-11-24T07:40:00Z" and entry.why and "had not ended" in entry.why


def test_ticks_wait_for_earlier_jobs_in_their_order(world: Scheduling) -> None:
    world.add(overlap="queue")
    for minute in (20, 30, 40):
        world.wall.set(f"2026-11-24T07:{minute}:01Z")
        assert world.fire() == LOOK or minute == 20
    assert len(world.submitted()) == 1
    for count in (1, 2, 3):
        assert len(world.submitted()) == count
        world.end(world.submitted()[-1])
        world.fire()
    assert world.ticks() == [f"2026-11-24T07:{minute}:00Z" for minute in (20, 30, 40)]


@pytest.mark.parametrize(("catch_up", "kept"), [("none", MOST_WAITING + 1), ("all", 15)])
def test_only_so_many_ticks_wait(world: Scheduling, catch_up: str, kept: int) -> None:
    world.add(overlap="queue", catch_up=catch_up)
    for tick in range(15):
        world.wall.set("2026-11-24T07:20:01Z")
        world.wall.now += tick * 600
        world.fire()
    assert len(world.stored_schedule().waiting) == MOST_WAITING
    for _ in range(20):
        for job in world.submitted():
            if not job.state.final:
                world.end(job)
        world.fire()
    assert len(world.submitted()) == kept
    skipped = [entry for entry in world.stored_schedule().history if entry.outcome == "skipped"]
    assert sum(entry.ticks for entry in skipped) == 15 - kept


@pytest.mark.parametrize(
    ("catch_up", "back", "expected"),
    [
        ("none", "2026-11-25T03:20:00Z", [("24T07:20", "missed", 120), ("25T03:20", "submitted", 1)]),
        ("last", "2026-11-25T03:25:00Z", [("24T07:20", "missed", 120), ("25T03:20", "submitted", 1)]),
        ("all", "2026-11-24T07:45:00Z", [(f"24T07:{minute}", "submitted", 1) for minute in (20, 30, 40)]),
    ],
)
def test_ticks_that_passed_while_the_service_was_down(
    world: Scheduling, catch_up: str, back: str, expected: list[tuple[str, str, int]]
) -> None:
    world.add(catch_up=catch_up, overlap="allow")
    world.wall.set(back)
    world.fire()
    assert world.history() == expected


@pytest.mark.parametrize(("catch_up", "outcome"), [("none", "missed"), ("last", "submitted"), ("all", "submitted")])
def test_the_night_that_the_service_was_down(world: Scheduling, catch_up: str, outcome: str) -> None:
    world.add("0 3 * * *", catch_up=catch_up, overlap="allow")
    world.wall.set("2026-11-25T09:00:00Z")
    world.fire()
    assert world.history() == [("25T03:00", outcome, 1)]


@pytest.mark.thorough
def test_no_more_than_so_many_are_made_up_for(world: Scheduling) -> None:
    world.add("* * * * *", catch_up="all", overlap="allow")
    world.wall.set("2026-11-25T07:15:30Z")
    world.fire()
    assert len(world.submitted()) == MOST_CAUGHT_UP
    assert world.ticks()[-1] == "2026-11-25T07:15:00Z"
    missed = [entry for entry in world.stored_schedule().history if entry.outcome == "missed"]
    assert missed == []  # the history is bounded, and its newest fifty are those submitted


def test_years_of_missed_ticks_are_settled_in_bounded_steps(world: Scheduling) -> None:
    world.add("* * * * *")
    world.wall.set("2026-12-01T07:15:30Z")
    assert world.firing.fire("ada/nightly") == 0.0
    assert world.history() == [("24T07:16", "missed", 1000)]
    world.fire()
    assert world.history() == [("24T07:16", "missed", 10079), ("01T07:15", "submitted", 1)]


def test_owners_roles_are_those_of_the_moment(world: Scheduling) -> None:
    world.add()
    world.owners.roles["ada"] = ("viewer",)
    world.wall.set("2026-11-24T07:20:01Z")
    assert world.fire() is None
    paused = world.stored_schedule().paused
    assert paused and "may not submit jobs any more; their roles: viewer." in paused and "schedule resume" in paused
    assert world.history() == [("24T07:20", "refused", 1)] and world.submitted() == []
    world.owners.roles["ada"] = ("submitter",)
    world.wall.set("2026-11-24T07:55:00Z")
    assert world.fire() is None
    world.schedules.resume("nightly", "ada", ADA, "ada")
    assert world.owners.revoked == [world.owners.issued[0]]
    world.wall.set("2026-11-24T08:00:00Z")
    world.fire()
    assert world.ticks() == ["2026-11-24T08:00:00Z"]


def test_an_owner_who_is_gone_pauses_the_schedule(world: Scheduling) -> None:
    world.add()
    del world.owners.roles["ada"]
    world.wall.set("2026-11-24T07:20:01Z")
    assert world.fire() is None
    with pytest.raises(DelegationEnded):
        world.schedules.run("nightly", "ada", ADA)


def test_while_auth_is_away_a_tick_stays_due(world: Scheduling) -> None:
    world.add()
    world.owners.away = True
    world.wall.set("2026-11-24T07:20:01Z")
    with pytest.raises(AuthAway):
        world.fire()
    world.owners.away = False
    world.wall.set("2026-11-24T07:24:00Z")
    world.fire()
    assert world.ticks() == ["2026-11-24T07:20:00Z"]


def test_what_is_refused_is_told_and_counted_and_the_schedule_goes_on(world: Scheduling) -> None:
    world.add(request={"inputs": ["files:nowhere/"]})
    for minute in (20, 30):
        world.wall.set(f"2026-11-24T07:{minute}:01Z")
        world.fire()
    schedule = world.stored_schedule()
    assert schedule.failures == 2 and schedule.history[0].why and "files:nowhere/" in schedule.history[0].why
    world.objects.put("files/ada/nowhere/a.txt", [b"a"])
    world.wall.set("2026-11-24T07:40:01Z")
    world.fire()
    world.end(world.submitted()[0], State.FAILED)
    world.wall.set("2026-11-24T07:45:00Z")
    world.fire()
    assert world.stored_schedule().failures == 3
    world.wall.set("2026-11-24T07:50:01Z")
    world.fire()
    world.end(world.submitted()[1])
    world.fire()
    assert world.stored_schedule().failures == 0


def test_a_job_that_was_removed_is_neither(world: Scheduling) -> None:
    world.add()
    world.wall.set("2026-11-24T07:20:01Z")
    world.fire()
    world.end(world.submitted()[0])
    current = world.jobs.find(world.submitted()[0].id)
    assert current
    world.jobs.remove(current)
    world.fire()
    assert world.stored_schedule().history[0].state == "removed" and world.stored_schedule().failures == 0


def test_a_run_by_hand_leaves_the_ticks_alone(world: Scheduling) -> None:
    world.add()
    world.schedules.pause("nightly", "ada", ADA)
    first = world.schedules.run("nightly", "ada", ADA)
    second = world.schedules.run("nightly", "ada", ADA)
    assert first.id != second.id
    entry = world.stored_schedule().history[0]
    assert (entry.by_hand, entry.job, entry.tick) == (True, second.id, "2026-11-24T07:15:30Z")
    assert world.stored_schedule().handled == world.wall()


def test_a_key_that_the_owner_has_used_before_does_not_hold_the_schedule_up(world: Scheduling) -> None:
    """Whoever guesses the key of a tick gets the job that they asked for, and the tick is told of."""
    schedule = world.add()
    submission = world.records.submission(schedule)
    taken = world.admission.admit(submission.request, ADA, "schedule/nightly/2026-11-24T07:20:00Z")
    world.wall.set("2026-11-24T07:20:01Z")
    world.fire()
    assert [job.id for job in world.submitted()] == [taken.job.id]
    assert world.stored_schedule().history[0].job == taken.job.id


def test_removed_it_fires_no_more(world: Scheduling) -> None:
    world.add()
    world.schedules.remove("nightly", "ada", ADA)
    world.wall.set("2026-11-24T07:20:01Z")
    assert world.firing.fire("ada/nightly") is None
    assert world.owners.revoked == world.owners.issued


def test_a_replica_that_was_stopped_in_between_submits_nothing_twice(
    world: Scheduling, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Meanwhile another fires the tick, and its job ends and is removed: the tick's idempotency key is free again."""
    world.add()
    world.wall.set("2026-11-24T07:20:01Z")
    stopped, other, fired = world.replica(), world.replica(), list[str]()
    prepare = stopped.admission._prepare

    def meanwhile(*arguments: Any) -> Job:
        if not fired:
            other.fire()
            (job,) = world.submitted()
            fired.append(job.id)
            world.end(job)
            current = world.jobs.find(job.id)
            assert current
            world.jobs.remove(current)
            for record in scan_all(world.stored, KEYS).records:  # as when somebody asks with the key, or after a week
                world.stored.transact([], [Write(record.key, None)])
        return prepare(*arguments)

    monkeypatch.setattr(stopped.admission, "_prepare", meanwhile)
    stopped.fire()
    assert fired and world.submitted() == []
    assert [entry.job for entry in world.stored_schedule().history] == fired


def test_a_job_that_is_retried_is_the_earlier_one_that_runs(world: Scheduling) -> None:
    world.add()
    world.wall.set("2026-11-24T07:20:01Z")
    world.fire()
    (job,) = world.submitted()
    world.end(job, State.FAILED)
    world.fire()
    assert world.stored_schedule().failures == 1
    current = world.jobs.find(job.id)
    assert current and world.jobs.change(current, job.model_copy(update={"runs": 2}))
    world.wall.set("2026-11-24T07:30:01Z")
    world.fire()
    assert [entry.outcome for entry in world.stored_schedule().history] == ["skipped", "submitted"]
    world.end(world.submitted()[0])
    world.fire()
    assert world.stored_schedule().failures == 0
