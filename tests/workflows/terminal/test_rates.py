"""How fast something goes and how long it will take, by a clock that the tests move."""

import pytest

from fanfold.terminal import display, progress
from fanfold.terminal.console import duration, number, size
from fanfold.terminal.progress import ProgressLine, Rate, time_left, transfer_line


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    monkeypatch.setattr(display, "time", clock)
    return clock


def test_elsewhere_a_plain_line_comes_every_two_seconds_and_at_the_end(time: Clock, capsys: pytest.CaptureFixture[str]):
    with display.Display() as lines:
        lines.show([ProgressLine("map", 0, "0/64")])
        for step in range(1, 65):
            time.now = 100 + step / 8
            lines.show([ProgressLine("map", step / 64, f"{step}/64")])
            lines.show([ProgressLine("map", step / 64, f"{step}/64")])
    assert capsys.readouterr().err.splitlines() == [f"map {step}/64" for step in (1, 17, 33, 49, 64)]


def test_a_rate_is_that_of_the_last_seconds(time: Clock):
    rate = Rate()
    assert rate.update(0) == 0
    time.now += 0.04
    assert rate.update(100) == 0, "too short to tell"
    time.now += 0.96
    assert rate.update(1000) == pytest.approx(1000)
    for _ in range(20):
        time.now += 1
        last = rate.update(1000 + 10 * (time.now - 101))
    assert last == pytest.approx(10), "what was before the last seconds is forgotten"
    time.now += 60
    assert rate.update(0) == 0, "a count that begins anew doesn't shrink"


def test_the_time_left_is_told_where_it_can_be():
    assert time_left(25, 100, 5) == "0:15 left"
    assert [time_left(*known) for known in ((0, 100, 5), (100, 100, 5), (25, None, 5), (25, 100, 0))] == [""] * 4


def test_a_transfer_is_complete_only_with_its_last_file():
    line = transfer_line("put", 2048, 2048, 0.0, "1/2 files", complete=False)
    assert line == ProgressLine("put", 0.99, "99%", "1/2 files")
    assert transfer_line("put", 2048, 2048, 0.0, "2/2 files") == ProgressLine("put", 1.0, "100%", "2/2 files")
    assert transfer_line("put", 0, 0, 0.0, "0/2 files", complete=False).figures == "99%"


def test_figures_change_their_unit_where_it_is_full():
    sizes = ["0 B", "1023 B", "1.0 KiB", "1.0 MiB", "1.0 TiB", "1024.0 TiB"]
    assert [size(count) for count in (0, 1023, 1024, 1024**2, 1024**4, 1024**5)] == sizes
    assert [number(count) for count in (0, 9999, 10_000, 1_000_000)] == ["0", "9999", "10.0k", "1.0M"]
    assert [duration(seconds) for seconds in (0, 59.9, 60, 3599, 3600)] == ["0:00", "0:59", "1:00", "59:59", "1:00:00"]
