"""What takes long leaves threads to everything else, and what one user sends leaves some to all others."""

import pkgutil
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import httpx
import pytest

from fanfold_submit import slots as slots_module
from fanfold_submit.refusals import TooManyStreams
from fanfold_submit.service import ADMISSIONS_EACH, LISTINGS_EACH, UPLOADS_EACH
from fanfold_submit.slots import Seats, Slots
from tests.submit_api.conftest import Site, User
from tests.submit_api.engine import ScriptedEngine
from tests.waiting import poll

REQUESTS = 48


def test_a_user_gets_so_many_threads_and_all_together_so_many() -> None:
    running, most, ends = Counter[str](), Counter[str](), threading.Event()
    lock = threading.Lock()

    def work(user: str) -> None:
        with lock:
            running.update([user, "all"])
            most.update({name: max(0, running[name] - most[name]) for name in (user, "all")})
        ends.wait(30)
        with lock:
            running.subtract([user, "all"])

    async def everybody() -> None:
        slots = Slots(5, 2)
        async with anyio.create_task_group() as group:
            for number in range(40):
                user = f"user-{number % 4}" if number % 2 else "user-0"
                group.start_soon(slots.run, user, lambda user=user: work(user))
            with anyio.fail_after(30):
                while running["all"] < 5:
                    await anyio.sleep(0.01)
            ends.set()
        assert not slots._users, "nothing is kept of users who are gone"

    anyio.run(everybody)
    assert most["all"] == 5
    assert max(count for user, count in most.items() if user != "all") == 2


def test_who_can_wait_gets_a_seat_when_another_is_left() -> None:
    came: list[str] = []

    async def sit(seats: Seats, user: str, leave: anyio.Event) -> None:
        with await seats.wait(user):
            came.append(user)
            await leave.wait()

    async def everybody() -> None:
        seats, leave = Seats(3, 2, "log", "being read"), anyio.Event()
        async with anyio.create_task_group() as group:
            for user in ("ada", "ada", "ada", "bob", "cleo"):
                group.start_soon(sit, seats, user, leave)
            await anyio.wait_all_tasks_blocked()
            assert sorted(came) == ["ada", "ada", "bob"]
            group.cancel_scope.deadline = anyio.current_time() + slots_module.PATIENCE / 2
            leave.set()
        assert sorted(came) == ["ada", "ada", "ada", "bob", "cleo"]
        assert not seats._taken and not seats._waiting, "nothing is kept of users who are gone"

    anyio.run(everybody)


def test_who_waits_too_long_for_a_seat_or_in_too_great_a_crowd_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots_module, "PATIENCE", 0.05)
    monkeypatch.setattr(slots_module, "MOST_WAITING", 2)

    async def everybody() -> None:
        seats = Seats(2, 1, "log", "being read")
        with seats.take("ada"):
            async with anyio.create_task_group() as group:

                async def waiting() -> None:
                    with pytest.raises(TooManyStreams, match="You have 1 log being read, as many as"):
                        await seats.wait("ada")

                group.start_soon(waiting)
                group.start_soon(waiting)
                await anyio.wait_all_tasks_blocked()
                with pytest.raises(TooManyStreams, match="and 2 requests wait for them to end"):
                    await seats.wait("ada")

    anyio.run(everybody)


def test_who_gives_up_waiting_gives_the_turn_back() -> None:
    async def one_user() -> None:
        slots, ends = Slots(4, 1), threading.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(slots.run, "ada", lambda: ends.wait(30))
            await anyio.wait_all_tasks_blocked()
            with anyio.move_on_after(0.05) as given_up:
                await slots.run("ada", lambda: None)
            assert given_up.cancelled_caught
            ends.set()
        assert await slots.run("ada", lambda: "hers") == "hers"

    anyio.run(one_user)


def submit(user: User, job: str, number: int) -> httpx.Response:
    return user.submit(key=f"k-{number}")


def list_files(user: User, job: str, number: int) -> httpx.Response:
    return user.http.get("/v1/files")


def list_results(user: User, job: str, number: int) -> httpx.Response:
    return user.http.get(f"/v1/jobs/{job}/results")


def upload(user: User, job: str, number: int) -> httpx.Response:
    return user.http.put(f"/v1/files/many/{number}", content=b"x")


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("place", "name", "each", "call"),
    [
        ("fanfold_submit.jobs.admission:Admission", "_prepare", ADMISSIONS_EACH, submit),
        ("fanfold_submit.routes.files", "_page", LISTINGS_EACH, list_files),
        ("fanfold_submit.routes.results", "results_of", LISTINGS_EACH, list_results),
        ("fanfold_storage.objects.filesystem:FilesystemObjects", "put", UPLOADS_EACH, upload),
    ],
    ids=["submissions", "lists of files", "lists of results", "uploads"],
)
def test_what_one_user_sends_makes_nobody_else_wait(
    open_site: Callable[..., Site],
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    name: str,
    each: int,
    call: Callable[[User, str, int], httpx.Response],
) -> None:
    """48 requests that take long; who just looks, and who does the same at another place, is answered."""
    site = open_site(engine := ScriptedEngine())
    eve, ada = site.user("eve"), site.user("ada")
    jobs = {}
    for user, owner in ((eve, "eve"), (ada, "ada")):
        user.put("texts/a.txt")
        jobs[owner] = user.submit().json()["id"]
        poll(lambda: jobs[owner] in engine.crews)  # noqa: B023 (called at once)
        engine.finish(jobs[owner])
        engine.end(jobs[owner])
        user.wait(jobs[owner])
    slow = Slowed(monkeypatch, place, name)
    with ThreadPoolExecutor(REQUESTS) as pool:
        others = [pool.submit(call, site.user("eve"), jobs["eve"], number) for number in range(REQUESTS)]
        try:
            poll(lambda: slow.running == each)
            slow.is_over = True  # for those who come now
            assert site.bearer(None).http.get("/readyz").status_code == 200
            assert ada.job(jobs["ada"])["state"] == "succeeded"
            assert ada.http.get("/v1/files/texts/a.txt").content == b"a b a\n"
            assert call(ada, jobs["ada"], 0).status_code < 300
            assert slow.running == each
        finally:
            slow.ends.set()
        assert all(other.result().status_code < 300 for other in others)


class Slowed:
    """Something that takes until it is told to end, or that it is over for those who come; `running` of it do."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, place: str, name: str) -> None:
        self.ends, self.is_over, self._lock, self.running = threading.Event(), False, threading.Lock(), 0
        owner = pkgutil.resolve_name(place)
        original = getattr(owner, name)

        def slow(*arguments: Any, **named: Any) -> Any:
            if not self.is_over:
                with self._lock:
                    self.running += 1
                assert self.ends.wait(60)
            return original(*arguments, **named)

        monkeypatch.setattr(owner, name, slow)
