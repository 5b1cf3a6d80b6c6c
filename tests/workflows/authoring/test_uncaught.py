"""A script whose job can't be made is told its own line, with status 3 and without a traceback of Fanfold's."""

import sys

import pytest

from fanfold import Job
from fanfold.authoring import uncaught
from fanfold.errors import InvalidJob
from tests.workflows.commands import RUN, run_in

HEAD = "from fanfold import CSV, Job, Skip, Stage, Sum, program\ndef f(line):\n    return []\n"
TAIL = "\nif __name__ == '__main__':\n    job.main()\n"
CASES = {
    "a lambda": ("job = Job(map=lambda line: [], reduce=Sum())", "a lambda defined in bad_job.py, line 4"),
    "nested": ("def g():\n    def h(line): return []\n    return h\njob = Job(map=g())", "bad_job.py, line 5"),
    "too many arguments": ("job = Job(map=sorted, reduce=lambda k: k)", "line 4: the reducer"),
    "unknown argument": ("job = Job(mapp=f)", "line 4: Job(…) has no argument `mapp`"),
    "a stage": ("job = Job(stages=[Stage(map=3)])", "line 4: the mapper must be a function"),
    "a policy": ("job = Job(map=f, on_error=Skip(7))", "line 4: Skip(at_most=…) is"),
    "a program": ("job = Job(map=program(''))", "line 4: "),
}


@pytest.mark.thorough
@pytest.mark.parametrize("case", CASES)
def test_the_line_and_a_sentence_both_ways(tmp_path, case):
    text, told = CASES[case]
    (tmp_path / "bad_job.py").write_text(HEAD + text + TAIL)
    (tmp_path / "in.txt").write_text("a\n")
    for command in ([sys.executable, "bad_job.py"], [*RUN, "bad_job.py"]):
        done = run_in(tmp_path, *command, "--input", "in.txt", "--output", "out")
        assert done.returncode == 3, done.stderr
        assert told in done.stderr
        assert "Traceback" not in done.stderr


def test_an_error_of_the_scripts_own_is_printed_as_ever(tmp_path):
    (tmp_path / "bad_job.py").write_text(HEAD + "int('x')\n")
    done = run_in(tmp_path, sys.executable, "bad_job.py")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "ValueError" in done.stderr


@pytest.mark.parametrize("debug", ["", "1"])
def test_with_fanfold_debug_the_traceback_is_printed_too(debug, monkeypatch, capsys):
    traced = []
    monkeypatch.setattr(uncaught, "_hook_before", lambda kind, error, trace: traced.append(kind))
    monkeypatch.setenv("FANFOLD_DEBUG", debug)
    with pytest.raises(InvalidJob) as refusal:
        Job(map=3)  # type: ignore[arg-type]
    with pytest.raises(SystemExit) as ended:
        uncaught._explain(refusal.type, refusal.value, refusal.tb)
    assert ended.value.code == 3
    assert "the mapper must be a function" in capsys.readouterr().err
    assert traced == ([InvalidJob] if debug else [])


def test_it_is_put_in_place_once_and_leaves_other_errors_to_what_was_there(monkeypatch):
    traced = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: traced.append(kind))
    monkeypatch.setattr(uncaught, "_hook_before", uncaught._hook_before)
    for _ in range(2):
        uncaught.explain_uncaught()
    sys.excepthook(KeyError, KeyError("x"), None)
    assert traced == [KeyError]
