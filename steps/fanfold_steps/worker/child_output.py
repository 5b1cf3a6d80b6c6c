"""What programs print that the user's code starts, such as with `subprocess.run`: it is passed on, and logged.

Programs know nothing of `sys.stdout`: they inherit descriptors 1 and 2. These stay what they are, since what this
process says when it crashes would be lost in a pipe. Instead, a program whose output the code doesn't ask for gets a
pipe. `os.system` and `os.fork` go around this.
"""

import inspect
import os
import select
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

CHUNK = 64 << 10
LONGEST_BEGUN = 64 << 10  # bytes without a line break
_plain = subprocess.Popen.__init__
_SIGNATURE = inspect.signature(_plain)


class ChildOutput:
    """Pipes for the stdout and stderr of programs; lines that come out of them are passed to `log`."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._pipes = (_Pipe(1, log), _Pipe(2, log))
        self._stopped, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._run, name="output of programs", daemon=True)

    @contextmanager
    def capture(self) -> Iterator[None]:
        """Log what programs print that are started while the context is open."""
        out, err = self._pipes

        def started(popen: Any, *arguments: Any, **options: Any) -> None:
            given = _SIGNATURE.bind(popen, *arguments, **options)
            for name, pipe, stream in (("stdout", out, sys.stdout), ("stderr", err, sys.stderr)):
                if given.arguments.get(name) in (None, stream):
                    given.arguments[name] = pipe.end
            _plain(*given.args, **given.kwargs)

        self._thread.start()
        subprocess.Popen.__init__ = started  # type: ignore[method-assign,assignment]
        try:
            yield
        finally:
            subprocess.Popen.__init__ = _plain  # type: ignore[method-assign]
            os.close(self._stop)
            self._thread.join()
            os.close(self._stopped)
            for pipe in self._pipes:
                pipe.close()

    def drain(self) -> None:
        """Log what has been printed by now."""
        for pipe in self._pipes:
            pipe.drain()

    def _run(self) -> None:
        waiting = [self._stopped, *(pipe.source for pipe in self._pipes)]
        while self._stopped not in select.select(waiting, [], [])[0]:
            self.drain()


class _Pipe:
    """A pipe whose bytes are passed on to a descriptor, and whose lines are logged. Threads may share it."""

    def __init__(self, descriptor: int, log: Callable[[str], None]) -> None:
        self.source, self.end = os.pipe()
        os.set_blocking(self.source, False)
        self._descriptor, self._log = descriptor, log
        self._lock = threading.Lock()
        self._begun = b""

    def drain(self) -> None:
        with self._lock:
            while data := self._read():
                _pass_on(self._descriptor, data)
                *lines, self._begun = (self._begun + data).split(b"\n")
                if len(self._begun) > LONGEST_BEGUN:
                    lines, self._begun = [*lines, self._begun], b""
                for line in lines:
                    self._log(_text(line))

    def close(self) -> None:
        """Close it, once what it holds is logged. A program that is still running can print no more."""
        self.drain()
        if self._begun:
            self._log(_text(self._begun))
        os.close(self.source)
        os.close(self.end)

    def _read(self) -> bytes:
        try:
            return os.read(self.source, CHUNK)
        except BlockingIOError:
            return b""


def _pass_on(descriptor: int, data: bytes) -> None:
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except OSError:  # nobody reads it: no reason to fail
        return


def _text(line: bytes) -> str:
    return line.decode("utf-8", "backslashreplace")
