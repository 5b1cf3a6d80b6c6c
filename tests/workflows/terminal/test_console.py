"""What is printed: as it is for programs; on a terminal, nothing that the terminal would obey."""

import io
from collections.abc import Callable

import pytest

from fanfold.terminal.console import result, result_json, say, table

HOSTILE = "a\x1b[2J\x9b0m\u202egpj.exe\u2066\r"
SEEN = "a\\x1b[2J\\x9b0m\\u202egpj.exe\\u2066\\r"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Terminal]:
    """Makes one; to be called by the test, since pytest takes the streams again after its fixtures."""

    def make() -> Terminal:
        terminal = Terminal()
        monkeypatch.setattr("sys.stdout", terminal)
        monkeypatch.setattr("sys.stderr", terminal)
        return terminal

    return make


def test_a_terminal_shows_what_it_would_obey(terminal: Callable[[], Terminal]) -> None:
    shown = terminal()
    result(HOSTILE)
    say(HOSTILE)
    assert shown.getvalue() == f"{SEEN}\n{SEEN}\n"


def test_programs_get_results_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    result(HOSTILE)
    result_json({"text": "\u202ex"})
    table(["NAME", "STATE"], [[HOSTILE, "ok"]])
    told = capsys.readouterr().out.split("\n")
    assert told == [HOSTILE, '{"text": "\u202ex"}', f"{'NAME':<{len(HOSTILE)}}  STATE", f"{HOSTILE}  ok", ""]


def test_rows_of_a_table_stay_rows_and_columns_columns(terminal: Callable[[], Terminal]) -> None:
    shown = terminal()
    table(["NAME", "STATE"], [["a\nb\x07", "ok"], ["c", "ok"]])
    assert shown.getvalue() == "NAME      STATE\na\\nb\\x07  ok\nc         ok\n"


def test_a_column_is_cut_so_that_rows_fit_a_terminal(
    terminal: Callable[[], Terminal], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = terminal()
    monkeypatch.setenv("COLUMNS", "20")
    table(["NAME", "STATE"], [["x" * 40, "ok"]], flexible="NAME")
    assert shown.getvalue().splitlines()[1] == f"{'x' * 12}…  ok"


def test_tables_have_their_heads_wherever_they_go(capsys: pytest.CaptureFixture[str]) -> None:
    table(["NAME", "STATE"], [["a", "ok"]], flexible="NAME")
    assert capsys.readouterr().out == "NAME  STATE\na     ok\n"
