"""Threads for what takes long: quick requests keep theirs, and one user leaves some to all others."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

T = TypeVar("T")


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
