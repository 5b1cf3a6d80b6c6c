"""Every write of a schedule: the process dies before or after it, another goes on, and no tick is lost or doubled."""

import contextlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fanfold_storage.records import Records, Write, scan_all
from fanfold_storage.urls import open_records
from fanfold_web.clock import timestamp
from tests.submit_api.scheduling import ADA, Replica, Scheduling, request
from tests.submit_api.test_crashes import Killed, Tripwire

TICKS = ["2026-11-24T07:20:00Z", "2026-11-24T07:30:00Z", "2026-11-24T07:40:00Z"]


def live(world: Scheduling, replica: Replica) -> None:
    """A schedule's life, from what has been lived of it: added, fired at three ticks, paused and resumed at the end."""
    if not world.records.find("ada/nightly"):
        replica.schedules.add(request(overlap="queue", catch_up="all"), ADA, "ada")
    for minute in (20, 30, 40):
        world.wall.now = max(world.wall.now, world.wall.at(f"2026-11-24T07:{minute}:01Z"))
        replica.fire()
        for job in world.submitted():
            if not job.state.final:
                world.end(job)
        replica.fire()
    replica.schedules.pause("nightly", "ada", ADA)
    replica.schedules.resume("nightly", "ada", ADA, "ada")


def crash_at(folder: Path, point: int, after: bool) -> bool:
    """Whether that write was reached. Afterwards each tick must have had one job."""
    folder.mkdir()
    with contextlib.closing(open_records(f"sqlite://{folder}/records.db")) as records:
        world = Scheduling(folder, records)
        wire = Tripwire(point, after)
        wired: Any = wire.around(records)
        with contextlib.suppress(Killed):
            live(world, world.replica(wired))
        live(world, world.replica())
        assert world.ticks() == TICKS
        assert world.history() == [(tick[8:16], "submitted", 1) for tick in TICKS]
        assert len(set(world.owners.issued) - set(world.owners.revoked)) >= 1
        return wire.calls >= point


@pytest.mark.thorough
@pytest.mark.parametrize("after", [False, True])
def test_it_may_die_at_every_write(tmp_path: Path, after: bool) -> None:
    points = 0
    while crash_at(tmp_path / str(points), points + 1, after):
        points += 1
    assert points >= 9  # added, fired three times, four ends noted, paused, resumed


@pytest.mark.parametrize("pick", [lambda world: world.fire, lambda world: world.replica().fire])
def test_a_lost_response_does_no_harm(
    tmp_path: Path, pick: Callable[[Scheduling], Callable[[], float | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from fanfold_storage.errors import Unknown
    from fanfold_storage.records.sqlite import SqliteRecords

    with contextlib.closing(open_records(f"sqlite://{tmp_path}/records.db")) as records:
        world = Scheduling(tmp_path, records)
        world.add()
        world.wall.set("2026-11-24T07:20:01Z")
        transact, lost = SqliteRecords.transact, list[Any]()

        def lose_once(self: Records, *arguments: Any) -> Any:
            answer = transact(self, *arguments)  # type: ignore[arg-type]
            if not lost:
                lost.append(answer)
                raise Unknown("the response was lost")
            return answer

        monkeypatch.setattr(SqliteRecords, "transact", lose_once)
        world.fire()
        pick(world)()
        assert lost and world.ticks() == TICKS[:1] and len(world.stored_schedule().history) == 1


class Dying:
    """Records of a process that dies at any write, before or after it, once in a while."""

    def __init__(self, records: Records, chance: random.Random) -> None:
        self._records, self._chance, self.deaths = records, chance, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    def transact(self, *arguments: Any) -> Any:
        dies = self._chance.random() < 0.1 and self._chance.choice(["before", "after"])
        self.deaths += bool(dies)
        if dies == "before":
            raise Killed
        answer = self._records.transact(*arguments)
        if dies == "after":
            raise Killed
        return answer


@pytest.fixture(params=["sqlite", "etcd"])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Records]:
    is_local = request.param == "sqlite"
    url = f"sqlite://{tmp_path}/records.db" if is_local else request.getfixturevalue("etcd_server").url
    with contextlib.closing(open_records(url)) as records:
        yield records
        for record in scan_all(records, "submit/").records:
            records.transact([], [Write(record.key, None)])


@pytest.mark.thorough
def test_an_hour_of_two_replicas_that_die_at_random(tmp_path: Path, stored: Records) -> None:
    """A schedule a minute, submissions in between, clocks that differ: each tick and each submission has one job."""
    chance = random.Random(7)
    world = Scheduling(tmp_path, stored)
    world.schedules.add(request("* * * * *", overlap="allow", catch_up="all"), ADA, "ada")
    dying = [Dying(stored, chance) for _ in range(2)]
    skews = (-20.0, 20.0)
    answered = dict[str, str]()
    for second in range(0, 3600, 20):
        world.wall.now = world.wall.at("2026-11-24T07:15:30Z") + second
        for index, records in enumerate(dying):
            wired: Any = records
            replica = world.replica(wired, now=lambda skew=skews[index]: world.wall() + skew)
            with contextlib.suppress(Killed):
                replica.fire()
                key = f"key-{second}"
                job = replica.admission.admit(request().request, ADA, key).job
                assert answered.setdefault(key, job.id) == job.id
                replica.jobs.close(replica.jobs.visible(job.id, ADA))
    world.replica().fire()
    submitted = world.submitted()
    by_hand = [job.id for job in submitted if job.schedule is None]
    assert set(answered.values()) <= set(by_hand) and len(by_hand) <= 180
    ticks = world.ticks()
    start = world.wall.at("2026-11-24T07:16:00Z")
    assert ticks == [timestamp(start + 60 * minute, "seconds") for minute in range(len(ticks))] and len(ticks) >= 59
    assert sum(records.deaths for records in dying) > 20
    history = world.stored_schedule().history
    assert all(entry.outcome == "submitted" for entry in history)
