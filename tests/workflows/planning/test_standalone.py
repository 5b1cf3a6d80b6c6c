"""One command at a time works on an output, whatever the lock's file goes through."""

import os
import tempfile
from pathlib import Path

import pytest

from fanfold.errors import Refused
from fanfold.planning import standalone
from fanfold.planning.standalone import lock_output
from tests.waiting import at_once


@pytest.fixture
def output(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(standalone, "_LOCK_FOLDERS", ())
    return (tmp_path / "out").as_uri() + "/"


def test_of_many_that_come_and_go_there_is_never_more_than_one(output):
    inside, refused = [], []

    def come_and_go(number):
        for turn in range(200):
            try:
                with lock_output(output):
                    inside.append((number, turn))
                    assert inside == [(number, turn)]
                    inside.clear()
            except Refused:
                refused.append(number)
        return True

    assert all(at_once(4, come_and_go))
    assert len(refused) < 800
    assert list(Path(tempfile.gettempdir()).iterdir()) == []


def test_a_process_that_was_killed_holds_nothing(output):
    pid = os.fork()
    if not pid:
        held = lock_output(output)
        held.__enter__()
        os.kill(os.getpid(), 9)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -9
    assert len(list(Path(tempfile.gettempdir()).iterdir())) == 1
    with lock_output(output):
        pass
    assert list(Path(tempfile.gettempdir()).iterdir()) == []
