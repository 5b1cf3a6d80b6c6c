"""Reads the log of a job from its tree: all workers' lines in the order of their times, from a position on.

    logs/WORKER/START-00000.txt     a piece of a worker's log; START is the time at which its process began

User code can write to the tree, so what is read is bounded in pieces, bytes of a worker, and bytes of a line. Where
something is left out, a line says so.
"""

import base64
import heapq
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from fanfold_steps.logs.line import NO_TASK, LogLine, Mark, parsed
from fanfold_storage.errors import NotFound
from fanfold_storage.objects import Objects, Stat

FOLDER = "logs/"
MOST_PIECES = 20_000  # of all workers
MOST_BYTES = 4 << 20  # of a worker, more than it writes itself
MOST_HELD = 4 << 20  # bytes of all workers, in memory
SMALLEST_CHUNK, LARGEST_CHUNK = 4 << 10, 64 << 10
LONGEST_LINE = 128 << 10
LONGEST_POSITION = 64 << 10  # bytes of one, unpacked
_PIECE = re.compile(r"logs/([a-z]+(?:-\d{1,9}){1,2})/(\d{20})-\d{5}\.txt")


class InvalidPosition(ValueError):
    """A position that no reader returned."""


@dataclass(slots=True)
class LogReader:
    """Reads on whenever `lines` is called; `position` is where it has got to.

    Lines that come later with an earlier time, from a worker whose store was away, follow when they are there.
    """

    objects: Objects
    _read: dict[str, int] = field(default_factory=dict)
    """Bytes of each worker's log."""
    _is_complete: bool = True

    @classmethod
    def at(cls, objects: Objects, position: str = "") -> "LogReader":
        """A reader that goes on from a position; by default, from the beginning. Raises InvalidPosition."""
        return cls(objects, _unpacked(position))

    @property
    def position(self) -> str:
        """Behind the last line that `lines` has returned, in printable ASCII."""
        return _packed(self._read)

    def lines(self) -> Iterator[LogLine]:
        """The lines that there are by now. Raises StorageError."""
        logs, is_complete = self._pieces()
        chunk = max(SMALLEST_CHUNK, min(LARGEST_CHUNK, MOST_HELD // max(1, len(logs))))
        streams = [_WorkerLog(self.objects, worker, pieces, chunk) for worker, pieces in logs.items()]
        read = (stream.lines(self._read.get(stream.worker, 0)) for stream in streams)
        for line, worker, end in heapq.merge(*read, key=_time):
            self._read[worker] = end
            yield line
        if self._is_complete and not is_complete:
            self._is_complete = False
            yield LogLine(
                0.0, "", NO_TASK, Mark.OWN, f"there are more than {MOST_PIECES:,} pieces; the rest is omitted"
            )

    def _pieces(self) -> tuple[dict[str, list[Stat]], bool]:
        """The pieces of each worker in order, and whether these are all."""
        logs: dict[str, list[Stat]] = {}
        stats = self.objects.list(FOLDER)
        for stat in islice(stats, MOST_PIECES):
            if match := _PIECE.fullmatch(stat.key):
                logs.setdefault(match[1], []).append(stat)
        return logs, next(iter(stats), None) is None


_Read = tuple[LogLine, str, int]


def _time(read: _Read) -> float:
    return read[0].time


@dataclass(frozen=True, slots=True)
class _WorkerLog:
    """The log of one worker: its pieces, one after the other."""

    objects: Objects
    worker: str
    pieces: list[Stat]
    chunk: int

    def lines(self, start: int) -> Iterator[_Read]:
        """The lines from byte `start` on, each with the byte at which it ends; their times never go back."""
        offset, latest = 0, 0.0
        for piece in self.pieces if start <= MOST_BYTES else []:
            if offset + piece.size <= start:
                offset += piece.size
                continue
            since = int(piece.key.rpartition("/")[2][:20]) / 1e9
            for raw, end in self._raw(piece, max(0, start - offset)):
                line = parsed(raw.decode("utf-8", "backslashreplace"), self.worker, since)
                latest = max(latest, line.time)
                yield LogLine(latest, line.worker, line.task, line.mark, line.text), self.worker, offset + end
                if offset + end > MOST_BYTES:
                    what = f"this log is larger than {MOST_BYTES:,} bytes; the rest is omitted"
                    yield LogLine(latest, self.worker, NO_TASK, Mark.OWN, what), self.worker, offset + end
                    return
            offset += piece.size

    def _raw(self, piece: Stat, start: int) -> Iterator[tuple[bytes, int]]:
        """Lines of a piece, and where in it each ends."""
        begun, at = b"", start
        while at < piece.size:
            try:
                data = b"".join(self.objects.read(piece.key, at, min(at + self.chunk, piece.size)))
            except NotFound:  # removed meanwhile
                return
            if not data:
                return
            at += len(data)
            *lines, begun = (begun + data).split(b"\n")
            end = at - len(begun) - sum(len(line) + 1 for line in lines)
            for line in lines:
                end += len(line) + 1
                yield line, end
            if len(begun) > LONGEST_LINE:
                yield begun, at
                begun = b""
        if begun:
            yield begun, at


def _packed(read: dict[str, int]) -> str:
    text = " ".join(f"{worker}:{read[worker]}" for worker in sorted(read))
    return base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=") if read else ""


def _unpacked(position: str) -> dict[str, int]:
    if not position:
        return {}
    try:
        packed = base64.urlsafe_b64decode(position.encode("ascii") + b"=" * (-len(position) % 4))
        text = zlib.decompressobj().decompress(packed, LONGEST_POSITION).decode("ascii")
        pairs = [pair.split(":") for pair in text.split(" ")]
        read = {worker: int(end) for worker, end in pairs}
    except (ValueError, zlib.error):
        raise InvalidPosition("this is not a position that a log has returned: leave it out") from None
    if not all(0 <= end < 1 << 63 for end in read.values()):
        raise InvalidPosition("this is not a position that a log has returned: leave it out")
    return read
