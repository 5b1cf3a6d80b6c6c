"""The crash points, counted in the source."""

from collections.abc import Iterator

from bench.page.words import Results
from tests import crash_points


def crashes(_: Results) -> Iterator[str]:
    """How many there are, and around which writes."""
    yield "## Crash points\n"
    yield f"{len(crash_points.points())} named points, before and after every write of a job. A test kills the process"
    yield "with SIGKILL at each of them and runs the same command again (`tests/workflows/test_crashes.py`):"
    yield f"{', '.join(f'`{write}`' for write in crash_points.writes())}.\n"
