"""One process of a program: a thread feeds it, another reads its stderr, and the caller reads its output in lines.

Whatever the program does (it may read nothing, write first, flood stderr or exit early), nothing deadlocks, because
each of the three pipes has a thread of its own.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fanfold_steps.failure.missing_module import missing_in_program
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.programs import command
from fanfold_steps.programs.reports import Reports

PIPE_BYTES = 256 << 10  # Linux grants one user's pipes 64 MiB together
BLOCK_BYTES = 2 << 20  # of output, handed on at once
GRACE_SECONDS = 5.0  # for the threads, if the process has ended but a child of it keeps the pipes open


@dataclass(frozen=True, slots=True)
class ProgramCall:
    """How to start a program: its role (`mapper`, …), its command line, its environment, the job's own files.

    `about` describes its input, as the end of an error message.
    """

    role: str
    command: str
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    about: str = ""
    longest: int | None = None
    """The most bytes that a line of its output may have; None sets no limit."""


def lines(call: ProgramCall, feed: Iterable[bytes], reports: Reports) -> Generator[bytes, None, None]:
    """Feed a program; yields its output in blocks of whole lines. The last line gets a line break if it has none.

    For a plain `cat`, no process is started.

    Raises:
        PermanentFailure: it can't be started, or ends with a status other than 0, or by a signal.
        Exception: whatever `feed` raises.
    """
    if command.words(call.command) == ["cat"] and "cat" not in call.files:  # which needs no process
        yield from feed
        return
    with tempfile.TemporaryDirectory(prefix="fanfold-program-", ignore_cleanup_errors=True) as folder:
        _link_files(call.files, Path(folder))
        process = _Process(call, Path(folder), feed, reports)
        try:
            yield from process.output()
            process.check()
        finally:
            process.end()


class _Process:
    def __init__(self, call: ProgramCall, folder: Path, feed: Iterable[bytes], reports: Reports) -> None:
        self._call = call
        self._reports = reports
        self._trouble: BaseException | None = None
        self._popen = _start(call, folder)
        self._feeder = threading.Thread(target=self._feed, args=(feed,), daemon=True)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._feeder.start()
        self._listener.start()

    def output(self) -> Iterator[bytes]:
        """The program's output, until it closes it."""
        assert self._popen.stdout
        pending: list[bytes] = []
        size = 0
        while chunk := os.read(self._popen.stdout.fileno(), PIPE_BYTES):
            pending.append(chunk)
            size += len(chunk)
            if size >= BLOCK_BYTES and (cut := chunk.rfind(b"\n") + 1):
                yield b"".join([*pending[:-1], chunk[:cut]])
                pending, size = [chunk[cut:]], len(chunk) - cut
            elif self._call.longest is not None and size > max(self._call.longest, BLOCK_BYTES):
                what = f"{_name(self._call)} wrote a line of more than {self._call.longest:,} bytes{self._call.about}"
                mend = "give more --memory, or take fewer workers"
                raise PermanentFailure(self._call.role, f"{what}, the most that a worker has memory for: {mend}")
        if rest := b"".join(pending):
            yield rest if rest.endswith(b"\n") else rest + b"\n"

    def check(self) -> None:
        """Wait until the program has ended. Raises PermanentFailure: it failed; or whatever its feed raised."""
        status = self._popen.wait()
        self._feeder.join(GRACE_SECONDS)
        self._listener.join(GRACE_SECONDS)
        if self._trouble:
            raise self._trouble
        if status:
            what = f"{_name(self._call)} {_ending(status)}{self._call.about}"
            stderr = self._reports.last_lines()
            message = what + missing_in_program(stderr) if stderr else f"{what}; it wrote nothing to stderr"
            raise PermanentFailure(self._call.role, message, trace=stderr)

    def end(self) -> None:
        """Clean up, in whatever state the program is."""
        if self._popen.poll() is None:
            self._popen.kill()
            self._popen.wait()
        if self._popen.stdout:  # first: a child of the program may wait for a reader, and holds stderr open
            self._popen.stdout.close()
        self._feeder.join(GRACE_SECONDS)
        self._listener.join(GRACE_SECONDS)
        for pipe, thread in ((self._popen.stdin, self._feeder), (self._popen.stderr, self._listener)):
            if pipe and not thread.is_alive():
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def _feed(self, feed: Iterable[bytes]) -> None:
        assert self._popen.stdin
        stdin = self._popen.stdin.fileno()
        try:
            for data in feed:
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(stdin, rest) :]
        except BrokenPipeError:
            pass  # it needn't read everything; its status says whether it succeeded
        except BaseException as error:  # noqa: BLE001 (the caller raises it)
            self._trouble = error
            self._popen.kill()
        finally:
            with contextlib.suppress(BrokenPipeError):
                self._popen.stdin.close()

    def _listen(self) -> None:
        assert self._popen.stderr
        while data := os.read(self._popen.stderr.fileno(), PIPE_BYTES):
            self._reports.take(data)
        self._reports.end()


def _start(call: ProgramCall, folder: Path) -> "subprocess.Popen[bytes]":
    arguments = command.words(call.command)
    environ = {"PATH": os.defpath, **os.environ, **call.environment}
    try:
        file = command.find(arguments[0], folder, environ["PATH"])
        try:
            popen = subprocess.Popen(
                arguments,
                executable=file,
                cwd=folder,
                env=environ,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            raise command.NoProgram(command.why_not(error, file, arguments)) from error
    except command.NoProgram as error:
        raise PermanentFailure(call.role, f"{_name(call)} can't be started: {error}") from error
    for pipe in (popen.stdin, popen.stdout):
        with contextlib.suppress(OSError, AttributeError):  # only Linux has it, and limits the total for each user
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)  # type: ignore[arg-type]  # a raw file
    return popen


def _link_files(files: Mapping[str, Path], folder: Path) -> None:
    """Link the job's files into the process's own folder, which is removed afterwards with all that it wrote there."""
    for name, path in files.items():
        (folder / name).symlink_to(path)


def _name(call: ProgramCall) -> str:
    return f"the {call.role} {command.shown(call.command)}"


def _ending(status: int) -> str:
    if status < 0:
        why = ", as the system does when memory runs out" if status == -signal.SIGKILL else ""
        return f"was killed by {_signal(-status)}{why}"
    hints = {126: " (to a shell: it can't be executed)", 127: " (to a shell: a command is not found)"}
    if 128 < status < 128 + signal.NSIG:
        hints[status] = f" (to a shell: killed by {_signal(status - 128)})"
    return f"ended with status {status}{hints.get(status, '')}"


def _signal(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:  # a real-time signal has no name
        return f"signal {number}"
