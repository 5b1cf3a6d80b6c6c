"""Standard streams and inputs of unusual kinds: closed, full, pipes, links, names that aren't UTF-8."""

import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fanfold.errors import Refused
from fanfold.foreground.pipes import spooled
from tests.workflows.commands import RUN, run_in

JOB = """import subprocess, sys
from fanfold import Job, Count, Skip
def f(line):
    {code}
job = Job(map=f, reduce=Count())
"""
WORDCOUNT = [*RUN, "wordcount", "--output", "out", "--workers", "1", "--quiet"]


def part(folder):
    return (folder / "out" / "part-00000.txt").read_text()


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("yield input(), 1", "EOFError"),
        ("breakpoint(); yield 1, 1", "BdbQuit"),
        ("yield sys.stdin.read(), 1", None),
        ("yield subprocess.run(['cat'], stdout=subprocess.PIPE).returncode, 1", None),
    ],
)
def test_whatever_reads_stdin_in_a_mapper_is_at_its_end(tmp_path, code, told):
    (tmp_path / "reads_job.py").write_text(JOB.format(code=code))
    (tmp_path / "in.txt").write_text("a\n")
    done = run_in(tmp_path, *RUN, "reads_job.py", "--input", "in.txt", "--output", "out", "--workers", "1")
    assert done.returncode == (1 if told else 0), done.stderr
    assert (told or "") in done.stderr


@pytest.mark.thorough
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_command_runs_without_a_standard_stream(tmp_path, closed):
    (tmp_path / "in.txt").write_text("a b a\n")
    command = " ".join([*WORDCOUNT, "--input", "in.txt", closed])
    assert subprocess.run(["sh", "-c", command], cwd=tmp_path, timeout=60).returncode == 0
    assert part(tmp_path) == "a\t2\nb\t1\n"


@pytest.mark.thorough
def test_a_full_disk_behind_stdout_is_told_in_a_sentence(tmp_path):
    (tmp_path / "in.txt").write_text("a\n")
    command = " ".join([*WORDCOUNT, "--input", "in.txt", "--json", ">/dev/full"])
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 3
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.thorough
@pytest.mark.parametrize("place", ["-", "/dev/stdin"])
def test_standard_input_is_an_input(tmp_path, place):
    done = subprocess.run(
        [*WORDCOUNT, "--input", place], input="a b a\n", cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert part(tmp_path) == "a\t2\nb\t1\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


@pytest.mark.thorough
def test_a_process_substitution_is_an_input(tmp_path):
    command = " ".join([*WORDCOUNT, "--input", "<(echo a; echo b)", "--input", "<(echo a)"])
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert part(tmp_path) == "a\t2\nb\t1\n"


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("more", "told"),
    [(["--input", "-"], "can be read only once"), (["--on", "argo"], "pods can't read -, a pipe on this machine")],
)
def test_a_pipe_that_cannot_be_read_is_refused(tmp_path, more, told):
    done = subprocess.run(
        [*WORDCOUNT, "--input", "-", *more], input="a\n", cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 3
    assert told in done.stderr


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("target", "told"), [("nowhere", "which doesn't exist"), ("link", "leads back to itself"), (None, "neither a file")]
)
def test_what_cannot_be_read_as_a_file_is_told_before_anything_runs(tmp_path, target, told):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("a\n")
    if target:
        (tmp_path / "in" / "link").symlink_to(target)
    else:
        os.mkfifo(tmp_path / "in" / "link")
    done = run_in(tmp_path, *WORDCOUNT, "--input", "in")
    assert done.returncode == 3
    assert told in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.thorough
def test_names_that_are_not_utf_8(tmp_path):
    folder = os.fsencode(tmp_path / "in")
    os.mkdir(folder)
    with open(os.path.join(folder, b"caf\xe9.txt"), "w") as file:
        file.write("1\nbad\n")
    (tmp_path / "skips_job.py").write_text(
        "from fanfold import Job, Sum, Skip\ndef f(line):\n    yield 'all', int(line)\n"
        "job = Job(map=f, reduce=Sum(), on_error=Skip(at_most=1))\n"
    )
    output = os.path.join(os.fsencode(tmp_path), b"o\xff")
    done = subprocess.run(
        [*RUN, "skips_job.py", "--input", folder, "--output", output, "--workers", "1"],
        cwd=tmp_path, capture_output=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with open(os.path.join(output, b"part-00000.txt")) as part:
        assert part.read() == "all\t1\n"
    with open(os.path.join(output, b"_quarantine", b"part-00000.jsonl")) as bad:
        assert '"caf\\\\xe9.txt"' in bad.read()


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_is_no_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", Terminal())
    told = pytest.raises(Refused, match="the input is this terminal: send a file or a command's output into it")
    with told, spooled(["-"], local=True):
        pass


def test_a_named_pipe_is_an_input_although_standard_input_is_a_terminal(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "stdin", Terminal())
    os.mkfifo(tmp_path / "pipe")
    threading.Thread(target=(tmp_path / "pipe").write_text, args=("one\n",), daemon=True).start()
    with spooled([str(tmp_path / "pipe")], local=True) as files:
        assert Path(files[0]).read_text() == "one\n"
