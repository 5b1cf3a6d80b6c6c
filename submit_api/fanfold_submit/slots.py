"""Threads for what takes long: quick requests keep theirs, and one user leaves some to all others."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from fanfold_submit.refusals import TooManyStreams

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


class Seats:
    """So many responses that stay open, and so many of them for each user; who comes later is refused."""

    def __init__(self, total: int, each: int) -> None:
        self._total, self._each = total, each
        self._taken: Counter[str] = Counter()

    def take(self, user_id: str) -> AbstractContextManager[None]:
        """A seat, from now until the context that is returned ends. Raises TooManyStreams.

        To be called in the event loop only.
        """
        mine, everybodys = self._taken[user_id], self._taken.total()
        if mine >= self._each or everybodys >= self._total:
            whose, many = ("You have", mine) if mine >= self._each else ("All users have", everybodys)
            detail = f"{whose} {many} streams open, as many as this service allows. Close one, or try again."
            raise TooManyStreams(detail)
        self._taken[user_id] += 1
        return self._seated(user_id)

    @contextmanager
    def _seated(self, user_id: str) -> Iterator[None]:
        try:
            yield
        finally:
            self._taken[user_id] -= 1
            self._taken += Counter()  # which drops those that have none
