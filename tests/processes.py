"""Which processes run, told from what the system keeps of them."""

from contextlib import suppress
from pathlib import Path


def is_running(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits to be reaped doesn't."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def processes_that_name(text: str) -> list[str]:
    """The command lines of all processes that name this text."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it ended meanwhile
            command = path.read_bytes().decode(errors="replace")
            found += [command] if text in command else []
    return found
