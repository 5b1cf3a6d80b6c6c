"""Threads for what takes long: quick requests keep theirs, and one user leaves some to all others."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import TypeVar

from anyio import CapacityLimiter, Event, move_on_after, to_thread

from fanfold_steps.failure.wording import quantity
from fanfold_submit.refusals import TooManyStreams

T = TypeVar("T")
PATIENCE = 30.0  # seconds that a request waits for a seat; clients give up after 60
MOST_WAITING = 100  # requests of one user that wait for seats of one kind


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
    """So many responses that stay open, and so many of them for each user.

    Its methods are to be called in the event loop only.
    """

    def __init__(self, total: int, each: int, noun: str = "stream", participle: str = "open") -> None:
        """Noun and participle say in a refusal what there are too many of: 8 streams open."""
        self._total, self._each, self._noun, self._participle = total, each, noun, participle
        self._taken: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()
        self._freed: Event | None = None  # there while somebody waits

    def take(self, user_id: str) -> AbstractContextManager[None]:
        """A seat, from now until the context that is returned ends. Raises TooManyStreams: there is none."""
        mine, everybodys = self._taken[user_id], self._taken.total()
        if mine >= self._each or everybodys >= self._total:
            whose, many = ("You have", mine) if mine >= self._each else ("All users have", everybodys)
            raise TooManyStreams(
                f"{whose} {self._so_many(many)}, as many as this service allows. Close one, or try again."
            )
        self._taken[user_id] += 1
        return self._seated(user_id)

    async def wait(self, user_id: str) -> AbstractContextManager[None]:
        """A seat as soon as one is free, for responses that end by themselves.

        Raises TooManyStreams: none was free for a while, or so many of this user's requests wait already.
        """
        if self._waiting[user_id] >= MOST_WAITING:
            raise TooManyStreams(
                f"You have {self._so_many(self._taken[user_id])}, and {MOST_WAITING} requests wait for them to end. "
                "Send fewer at a time."
            )
        self._waiting[user_id] += 1
        try:
            with move_on_after(PATIENCE):
                while self._taken[user_id] >= self._each or self._taken.total() >= self._total:
                    self._freed = self._freed or Event()
                    await self._freed.wait()
        finally:
            self._waiting[user_id] -= 1
            self._waiting += Counter()  # which drops those that have none
        return self.take(user_id)

    def _so_many(self, count: int) -> str:
        return f"{quantity(count, self._noun)} {self._participle}"

    @contextmanager
    def _seated(self, user_id: str) -> Iterator[None]:
        try:
            yield
        finally:
            self._taken[user_id] -= 1
            self._taken += Counter()
            if self._freed:
                self._freed.set()
                self._freed = None
