"""A clock that jumps from event to event, and threads that run until they wait for it.

A thread is a greenlet: plain synchronous code, such as a worker's loop, which other threads can overtake only where it
waits. `Times` and `Threads` stand in for the modules `time` and `threading` of code that is simulated.
"""

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Any

from greenlet import getcurrent, greenlet

EPOCH = 1_800_000_000.0
"""The Unix time at which the clock stands at 0."""


class Lost(SystemExit):
    """Ends the threads of a process that is killed."""


@dataclass(eq=False)
class Process:
    """A process: its threads end when it is lost."""

    name: str
    slowness: float = 1.0
    """By how much longer it computes than others."""
    is_lost: bool = False


class SimulatedThread(greenlet):
    """A thread of a process."""

    process: Process
    turn = 0
    """The number of the event that wakes it; events with other numbers are stale."""


@dataclass
class Clock:
    """The events that are to come, in the order of their times."""

    now: float = 0.0
    _events: list[tuple[float, int, SimulatedThread]] = field(default_factory=list)
    _numbers: Any = field(default_factory=itertools.count)
    _hub: Any = field(default_factory=getcurrent)

    def start(self, process: Process, run: Callable[[], Any]) -> SimulatedThread:
        """Start a thread."""
        thread = SimulatedThread(run, self._hub)
        thread.process = process
        self.wake(thread, 0.0)
        return thread

    def wake(self, thread: SimulatedThread, seconds: float) -> None:
        """Let a thread go on in so many seconds; what was to wake it otherwise is forgotten."""
        thread.turn = next(self._numbers)
        heapq.heappush(self._events, (self.now + seconds, thread.turn, thread))

    def wait(self, seconds: float | None) -> None:
        """Let the current thread wait; with None until another one wakes it. Raises Lost."""
        thread = current()
        if seconds is not None and not thread.process.is_lost:
            self.wake(thread, seconds)
        if not thread.process.is_lost:
            self._hub.switch()
        if thread.process.is_lost:
            raise Lost

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Run all threads until nothing is left to happen, or what is awaited has happened."""
        while self._events and not until():
            time, number, thread = heapq.heappop(self._events)
            if number == thread.turn and not thread.dead:
                self.now = time
                thread.switch()

    def end(self) -> None:
        """End all threads that are left."""
        while self._events:
            _, number, thread = heapq.heappop(self._events)
            if number == thread.turn and not thread.dead:
                thread.process.is_lost = True
                thread.switch()


def current() -> SimulatedThread:
    """The thread that runs."""
    thread = getcurrent()
    assert isinstance(thread, SimulatedThread)
    return thread


@dataclass
class Times:
    """What simulated code uses of the module `time`."""

    clock: Clock

    def monotonic(self) -> float:
        """Seconds since the simulation began."""
        return self.clock.now

    def time(self) -> float:
        """A Unix time."""
        return EPOCH + self.clock.now

    def time_ns(self) -> int:
        """The same in nanoseconds."""
        return int(self.time() * 1e9)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self.clock.wait(seconds)


class Event:
    """`threading.Event`."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._is_set = clock, False
        self._waiting: list[SimulatedThread] = []

    def set(self) -> None:
        """Wake whoever waits."""
        self._is_set = True
        for thread in self._waiting:
            self._clock.wake(thread, 0.0)
        self._waiting = []

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, or so many seconds."""
        if not self._is_set:
            self._waiting.append(current())
            try:
                self._clock.wait(timeout)
            finally:
                self._waiting = [thread for thread in self._waiting if thread is not current()]
        return self._is_set


class Lock:
    """`threading.Lock`, as a context manager."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._is_held = clock, False
        self._waiting: deque[SimulatedThread] = deque()

    def __enter__(self) -> None:
        while self._is_held:
            self._waiting.append(current())
            self._clock.wait(None)
        self._is_held = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_held = False
        if self._waiting:
            self._clock.wake(self._waiting.popleft(), 0.0)


class Thread:
    """`threading.Thread`; it belongs to the process that started it."""

    def __init__(self, clock: Clock, target: Callable[[], object]) -> None:
        self._clock, self._target, self._ended = clock, target, Event(clock)

    def start(self) -> None:
        """Start it."""
        self._clock.start(current().process, self._run)

    def join(self) -> None:
        """Wait until it has ended."""
        if not current().process.is_lost:
            self._ended.wait()

    def _run(self) -> None:
        try:
            self._target()
        except Lost:
            return
        self._ended.set()


@dataclass
class Threads:
    """What simulated code uses of the module `threading`."""

    clock: Clock

    def Event(self) -> Event:
        """A new event."""
        return Event(self.clock)

    def Lock(self) -> Lock:
        """A new lock."""
        return Lock(self.clock)

    def Thread(self, *, target: Callable[[], object], name: str = "", daemon: bool = True) -> Thread:
        """A new thread."""
        return Thread(self.clock, target)


class Pool:
    """What simulated code uses of `ThreadPoolExecutor`: so many threads that take what is next."""

    def __init__(self, clock: Clock, threads: int) -> None:
        self._clock, self._threads = clock, threads

    def __enter__(self) -> "Pool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def map(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterable[Any]:
        """The results in the order of the items. Raises what a call raised first."""
        results: list[Any] = [None] * len(items)
        failures: list[Exception] = []
        left = iter(enumerate(items))

        def work() -> None:
            for index, item in left:
                try:
                    results[index] = function(item)
                except Exception as error:  # noqa: BLE001 (it is raised below)
                    failures.append(error)
                    return

        threads = [Thread(self._clock, work) for _ in range(min(self._threads, len(items)))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return results

    def submit(self, function: Callable[..., Any], *arguments: Any) -> "Pending":
        """Call it in a thread of its own: the simulated code never submits more than there are threads."""
        return Pending(self._clock, partial(function, *arguments))


class Pending:
    """What simulated code uses of `Future`."""

    def __init__(self, clock: Clock, call: Callable[[], Any]) -> None:
        self._call = call
        self._result: Any = None
        self._failure: Exception | None = None
        self._thread = Thread(clock, self._run)
        self._thread.start()

    def result(self) -> Any:
        """What the call returned, once it has. Raises what it raised."""
        self._thread.join()
        if self._failure:
            raise self._failure
        return self._result

    def _run(self) -> None:
        try:
            self._result = self._call()
        except Exception as error:  # noqa: BLE001 (`result` raises it)
            self._failure = error
