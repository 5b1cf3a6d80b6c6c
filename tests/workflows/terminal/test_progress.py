"""What progress looks like, on a terminal and elsewhere."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from fanfold.terminal.display import Display
from fanfold.terminal.progress import ProgressLine, transfer_line
from fanfold.terminal.steps import StepProgress

SHOW = """
from fanfold.terminal.display import Display
from fanfold.terminal.progress import ProgressLine
with Display() as display:
    display.show([ProgressLine("queued", 0, "")])
    display.say("a file [red] can't be split")
    for done in range(5):
        display.show([
            ProgressLine("     map", done / 4, f"{done}/4", f"{done} records, said the [bold]mapper"),
            ProgressLine("  reduce", 0.5, "1/2"),
        ])
"""


def on_terminal(code: str, **variables: str) -> str:
    """What a process writes to a terminal."""
    here, terminal = pty.openpty()
    hidden = {"NO_COLOR", "COLUMNS", "TERM"}
    environ = {name: value for name, value in os.environ.items() if name not in hidden}
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environ | variables):
        os.close(terminal)
        written = b""
        try:
            while chunk := os.read(here, 65536):
                written += chunk
        except OSError:  # the process has ended, and nobody holds the other end
            os.close(here)
    return written.decode()


def screen(written: str) -> list[str]:
    """What a terminal shows after these characters, if they are only lines, erased lines and moves up."""
    lines = [""]
    row = 0
    for piece in written.replace("\r\n", "\n").replace("\n", "\0\n\0").split("\0"):
        for part in piece.replace("\x1b[2K", "\0clear\0").replace("\x1b[1A", "\0up\0").replace("\r", "\0").split("\0"):
            if part == "\n":
                row += 1
                lines += [""] * (row == len(lines))
            elif part == "up":
                row -= 1
            elif part == "clear":
                lines[row] = ""
            elif part:
                lines[row] = part.rstrip()
    return [line for line in lines if line]


def test_a_terminal_shows_the_last_frame_in_place():
    assert screen(on_terminal(SHOW, TERM="xterm", NO_COLOR="1", COLUMNS="80")) == [
        "a file [red] can't be split",
        "       map  ━━━━━━━━━━━━━━━━━━━━━━━━  4/4  4 records, said the [bold]mapper",
        "    reduce  ━━━━━━━━━━━━              1/2",
    ]


@pytest.mark.parametrize("columns", [50, 40, 20])
def test_on_a_narrow_terminal_labels_and_figures_are_kept(columns: int):
    lines = screen(on_terminal(SHOW, TERM="xterm", NO_COLOR="1", COLUMNS=str(columns)))[-2:]
    assert [(line.split()[0], next(word for word in line.split() if "/" in word)) for line in lines] == [
        ("map", "4/4"),
        ("reduce", "1/2"),
    ]
    assert all(len(line) <= columns for line in lines)


@pytest.mark.thorough
def test_colour_only_where_it_is_wanted():
    assert "\x1b[36m" in on_terminal(SHOW, TERM="xterm")
    assert "\x1b[36m" not in on_terminal(SHOW, TERM="xterm", NO_COLOR="1")


@pytest.mark.thorough
def test_the_cursor_is_never_hidden():
    assert "\x1b[?25l" not in on_terminal(SHOW, TERM="xterm")


@pytest.mark.thorough
def test_a_terminal_that_cannot_redraw_gets_plain_lines():
    written = on_terminal(SHOW, TERM="dumb")
    assert "\x1b" not in written
    assert "map 4/4 4 records, said the [bold]mapper" in written


@pytest.mark.thorough
def test_rich_is_loaded_on_a_terminal_alone(tmp_path: Path):
    run = "import sys; from fanfold_client.main import run; status = run(sys.argv[1:]); print('rich' in sys.modules)"
    (tmp_path / "a.txt").write_text("a b\n")
    words = ["run", "wordcount", "--input", str(tmp_path / "a.txt"), "--workers", "1", "--output"]
    piped = subprocess.run([sys.executable, "-c", run, *words, str(tmp_path / "one")], capture_output=True, text=True)
    assert (piped.returncode, piped.stdout) == (0, "False\n"), piped.stderr
    seen = on_terminal(f"import sys; sys.argv += {[*words, str(tmp_path / 'two')]}; {run}", TERM="xterm")
    assert seen.endswith("True\r\n")


def test_elsewhere_there_are_few_plain_lines(capsys: pytest.CaptureFixture[str]):
    with Display() as display:
        for done in range(1, 101):
            display.show([ProgressLine("     map", done / 100, f"{done}/100", "x")])
        display.say("a note")
    assert capsys.readouterr().err.splitlines() == ["map 1/100 x", "map 100/100 x", "a note"]


@pytest.mark.parametrize(
    ("done", "total", "shown"), [(0, 0, "100% 1/2 files"), (512, 2048, "25% 1/2 files  100 B/s  0:15 left")]
)
def test_a_transfer_shows_percent_rate_and_time_left(done: int, total: int, shown: str):
    line = transfer_line("upload", done, total, 100.0 if total else 0.0, "1/2 files")
    assert f"{line.figures} {line.text}" == shown


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]):
    with Display(quiet=True) as display:
        display.show([ProgressLine("map", 1, "1/1")])
        display.say("a note")
    assert capsys.readouterr().err == ""


def test_a_jobs_steps_become_lines():
    step = {"step": "map", "tasks": 4, "done": 2, "failed": 0, "records": 12_345, "bytes": 9}
    (line,) = StepProgress().lines([{"index": 0, "steps": [step]}])
    assert (line.label, line.fraction, line.figures) == ("     map", 0.5, "50% 2/4")
    assert line.text == "12.3k records"  # one sample gives no rate
    assert StepProgress().lines([]) == []
