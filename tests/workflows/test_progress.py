"""What progress looks like, on a terminal and elsewhere."""

import io

import pytest

from fanfold.verbs.progress import Display, Line, moved
from fanfold.verbs.steps import Picture


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def open_terminal(patch: pytest.MonkeyPatch) -> Terminal:
    """Put a terminal in stderr's place. (Not a fixture: pytest changes stderr between a fixture and its test.)"""
    terminal = Terminal()
    patch.setattr("sys.stderr", terminal)
    patch.setenv("TERM", "xterm")
    patch.delenv("NO_COLOR", raising=False)
    return terminal


def screen(written: str) -> list[str]:
    """What a terminal shows after these bytes: just lines, and going up."""
    lines: list[str] = []
    row = 0
    for piece in written.replace("\x1b[2K", "").split("\n"):
        while piece.startswith("\x1b[") and "A" in piece[:6]:
            up, piece = piece[2:].split("A", 1)
            row -= int(up)
        lines[row : row + 1] = [piece.lstrip("\r")]
        row += 1
    return lines[:-1]


def test_a_terminal_shows_the_last_picture_in_place(monkeypatch: pytest.MonkeyPatch):
    terminal = open_terminal(monkeypatch)
    monkeypatch.setenv("NO_COLOR", "1")
    with Display() as display:
        display.show([Line("queued", 0, "")])
        for done in range(5):
            display.show([Line("     map", done / 4, f"{done}/4", f"{done} records"), Line("  reduce", 0, "0/1")])
    assert screen(terminal.getvalue()) == [
        "       map  ━━━━━━━━━━━━━━━━━━━━━━━━  4/4  4 records",
        "    reduce  ────────────────────────  0/1",
    ]


def test_colour_only_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch):
    terminal = open_terminal(monkeypatch)
    with Display() as display:
        display.show([Line("map", 0.5, "1/2")])
    assert "\x1b[36m" in terminal.getvalue()
    terminal.truncate(0)
    monkeypatch.setenv("NO_COLOR", "1")
    with Display() as display:
        display.show([Line("map", 0.5, "1/2")])
    assert "\x1b[36m" not in terminal.getvalue()


def test_elsewhere_there_are_few_plain_lines(capsys: pytest.CaptureFixture[str]):
    with Display() as display:
        for done in range(1, 101):
            display.show([Line("     map", done / 100, f"{done}/100", "x")])
    assert capsys.readouterr().err.splitlines() == ["map 1/100 x", "map 100/100 x"]


@pytest.mark.parametrize(
    ("done", "total", "said"), [(0, 0, "100% 1/2 files"), (512, 2048, "25% 1/2 files  100 B/s  0:15 left")]
)
def test_bytes_on_their_way(done: int, total: int, said: str):
    line = moved("upload", done, total, 100.0 if total else 0.0, "1/2 files")
    assert f"{line.figures} {line.text}" == said


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]):
    with Display(quiet=True) as display:
        display.show([Line("map", 1, "1/1")])
    assert capsys.readouterr().err == ""


def test_a_jobs_steps_become_lines():
    step = {"step": "map", "tasks": 4, "done": 2, "failed": 0, "records": 12_345, "bytes": 9}
    (line,) = Picture().lines([{"index": 0, "steps": [step]}])
    assert (line.label, line.share, line.figures) == ("     map", 0.5, "2/4")
    assert line.text == "12.3k records"  # one look tells no rate
    assert Picture().lines([]) == []
