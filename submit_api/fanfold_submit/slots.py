"""Threads for what takes long: quick requests keep theirs, and one user leaves some to all others."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from fanfold_submit.refusals import TooManyFollowers

T = TypeVar("T")


class Seats:
    """So many at a time, and so many of them for each user; whoever finds all of them taken has to go.

    For one event loop: not thread-safe.
    """

    def __init__(self, total: int, each: int) -> None:
        self._total, self._each = total, each
        self._taken: Counter[str] = Counter()

    def take(self, user_id: str) -> Callable[[], None]:
        """Take a seat; the function returned gives it back. Raises TooManyFollowers."""
        if self._taken[user_id] >= self._each:
            raise TooManyFollowers(
                f"You have {self._each} streams of events open, the most that a user may have. Close one."
            )
        if self._taken.total() >= self._total:
            raise TooManyFollowers(
                f"All {self._total} streams of events of this service are taken. Come again, or ask for the job itself."
            )
        self._taken[user_id] += 1
        return partial(self._leave, user_id)

    def _leave(self, user_id: str) -> None:
        self._taken[user_id] -= 1
        if not self._taken[user_id]:
            del self._taken[user_id]


class Slots:
    """So many threads for one kind of work, and so many of them for each user; further work waits for its turn."""

    def __init__(self, total: int, each: int) -> None:
        self._all, self._each = CapacityLimiter(total), each
        self._users: dict[str, CapacityLimiter] = {}

    async def run(self, user_id: str, work: Callable[[], T]) -> T:
        """What `work` returns, in a thread of its own."""
        async with self._turn(user_id):
            return await to_thread.run_sync(work, limiter=self._all)

    @asynccontextmanager
    async def _turn(self, user_id: str) -> AsyncIterator[None]:
        limiter = self._users.setdefault(user_id, CapacityLimiter(self._each))
        try:
            async with limiter:
                yield
        finally:
            figures = limiter.statistics()
            if not figures.borrowed_tokens and not figures.tasks_waiting:
                self._users.pop(user_id, None)
