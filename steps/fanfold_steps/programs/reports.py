"""What a program writes to stderr: counters, its status, and lines for the log."""

from collections import Counter, deque
from collections.abc import Callable

LAST_LINES, LONGEST_LINE = 20, 500  # kept for an error message
MOST_LOGGED = 1 << 20  # characters of one process: a log isn't a place for data

_PREFIX = b"reporter:"


class Reports:
    """Parses the stderr of one process, which may come in pieces cut anywhere."""

    def __init__(self, role: str, log: Callable[[str], None], status: Callable[[str], None]) -> None:
        self.counters: Counter[tuple[str, str]] = Counter()
        """By group and name."""
        self._role = role
        self._log = log
        self._status = status
        self._logged = 0
        self._begun = b""
        self._last: deque[bytes] = deque(maxlen=LAST_LINES)

    def take(self, data: bytes) -> None:
        """Add the next bytes; each line is parsed when it is complete."""
        *lines, self._begun = (self._begun + data).split(b"\n")
        if len(self._begun) > MOST_LOGGED:  # without a line break it can't be a report
            lines, self._begun = [*lines, self._begun[:LONGEST_LINE]], b""
        self._take_lines(lines)

    def end(self) -> None:
        """Parse what is left: no more bytes will come."""
        if self._begun:
            self._take_lines([self._begun])

    def last_lines(self) -> str:
        """The last lines that weren't reports."""
        return "\n".join(line.decode("utf-8", "replace") for line in self._last).strip()

    def _take_lines(self, lines: list[bytes]) -> None:
        reports = Counter(line for line in lines if line.startswith(_PREFIX))
        for line, times in reports.items():
            self._report(line.decode("utf-8", "backslashreplace").rstrip("\r"), times)
        self._keep([line for line in lines if line not in reports] if reports else lines)

    def _report(self, line: str, times: int) -> None:
        _, kind, *text = line.split(":", 2)
        if kind == "counter" and text:
            group, _, rest = text[0].partition(",")
            name, _, amount = rest.rpartition(",")
            if group and name and _is_number(amount):
                self.counters[group, name] += int(amount) * times
                return
        if kind == "status" and text:
            self._status(text[0])
            return
        self._say(
            f"{self._role}: not a report: {line!r:.200}; write reporter:counter:GROUP,NAME,N or reporter:status:TEXT"
        )

    def _keep(self, lines: list[bytes]) -> None:
        if lines:
            self._last.extend(line[:LONGEST_LINE] for line in lines[-LAST_LINES:])
            self._say(b"\n".join(lines)[: MOST_LOGGED + 1].decode("utf-8", "backslashreplace"))

    def _say(self, text: str) -> None:
        """Log a text, up to the limit of one process."""
        if self._logged >= MOST_LOGGED:
            return
        self._log(text[: MOST_LOGGED - self._logged])
        self._logged += len(text) + 1
        if self._logged >= MOST_LOGGED:
            self._log(f"{self._role}: wrote more than {MOST_LOGGED} characters to stderr; the rest is omitted")


def _is_number(text: str) -> bool:
    return text.removeprefix("-").isascii() and text.removeprefix("-").isdigit() and len(text) < 20
