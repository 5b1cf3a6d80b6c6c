"""What a worker's tasks print is kept in the tree, labelled and bounded, and a failure shows the last of it."""

import subprocess
import sys

import pytest

from fanfold_steps.__main__ import main
from fanfold_steps.job.spec import Aggregate, Function, StageSpec
from fanfold_steps.logs.line import Mark
from fanfold_steps.logs.reader import LogReader
from fanfold_steps.outputs.finish import finish
from fanfold_steps.tree.failed import Failure
from fanfold_steps.tree.task import Task
from fanfold_steps.worker import logs as logs_module
from fanfold_steps.worker import loop
from fanfold_steps.worker.child_output import ChildOutput
from fanfold_steps.worker.logs import FULL, LARGEST_LOG, LAST_LINES, LONGEST_BEGUN, Logs
from fanfold_steps.worker.loop import Worker
from fanfold_storage.errors import Unavailable

STAGE = StageSpec(map=Function("tests.steps.printing:words"), reduce=Aggregate("Sum"))


def kept(tree):
    """What was printed, each line with its task, and Fanfold's own lines with a star."""
    return [f"{line.task}:{'*' * (line.mark is Mark.OWN)} {line.text}" for line in LogReader(tree.objects).lines()]


def size_of(tree):
    return sum(stat.size for stat in tree.objects.list("logs/"))


def test_lines_are_kept_by_task_and_passed_on(small_job, capsys):
    small_job.write_input({"a.txt": b"one two\n", "b.txt": b"three\n" * 300})
    small_job.create(STAGE, split_size=1024)
    before = sys.stdout
    Worker(small_job.tree, "all", 0).run()
    assert sys.stdout is before
    lines = [line for line in kept(small_job.tree) if ":* " not in line]
    assert lines[:3] == ["0/map/0: a line: one two", "0/map/0: with an error", "0/map/0: logged \\udcff"]
    assert {line.partition(":")[0] for line in lines} == {"0/map/0", "0/map/1", "0/map/2"}
    assert sum("a line" in line for line in lines) == 301
    told = capsys.readouterr()
    assert "a line: three" in told.out
    assert "with an error" in told.err


def test_a_failure_shows_the_last_lines_of_its_task(small_job, capsys):
    small_job.write_input({"a.txt": b"fine\n" * 300 + b"bad\n"})
    small_job.create(STAGE, split_size=64 << 20)
    assert main(["all", "--job", small_job.url]) == 64
    failure = small_job.tree.read("failed.json")
    assert failure["log"].splitlines()[-3:] == ["a line: bad", "with an error", "logged \\udcff"]
    assert len(failure["log"].splitlines()) == LAST_LINES
    assert "The task's last output:\n" in Failure.from_json(failure).describe()
    *_, last, failed = kept(small_job.tree)
    assert last == "0/map/0: logged \\udcff"
    assert failed.startswith("0/map/0:* failed: ")


def test_a_worker_keeps_so_much_through_all_its_starts(small_job, monkeypatch):
    monkeypatch.setattr(logs_module, "LARGEST_LOG", 1000)
    monkeypatch.setattr(logs_module, "LARGEST_OWN", 200)
    for _ in range(3):
        logs = Logs(small_job.tree, "all-0")
        with logs.capture(), logs.during(Task(0, "map", 7)):
            for _ in range(5):
                print("x" * 80)
                logs.say("claimed")
                logs.flush()
    assert 900 < size_of(small_job.tree) <= 1200 + 100
    lines = kept(small_job.tree)
    assert lines[0].startswith("0/map/7: xxx")
    full = lines.index(f"0/map/7:* {FULL}")
    assert not any("xxx" in line for line in lines[full:])
    assert any("claimed" in line for line in lines[full:]), "what Fanfold says has room of its own"


def test_what_has_no_end_of_line_is_bounded(small_job):
    logs = Logs(small_job.tree, "all-0")
    with logs.capture():
        for _ in range(5):
            sys.stdout.write("y" * (LONGEST_BEGUN // 2 + 1))
            logs.flush()
    assert len(kept(small_job.tree)) == 2


def test_a_store_that_is_away_gets_it_later(small_job, monkeypatch):
    logs = Logs(small_job.tree, "all-0")
    with logs.capture():
        print("early")
        with monkeypatch.context() as patched:
            patched.setattr(type(small_job.tree.objects), "put", _away)
            logs.flush()
        print("late")
    assert kept(small_job.tree) == ["-: early", "-: late"]


def _away(*_, **__):
    raise Unavailable("away")


def test_who_asks_the_stream_is_answered_by_the_real_one(small_job):
    real = sys.stderr
    with Logs(small_job.tree, "all-0").capture():
        assert sys.stderr.encoding == real.encoding
        assert sys.stderr.buffer is real.buffer
        assert sys.stderr.isatty() == real.isatty()
        sys.stderr.writelines(["one\n", "two\n"])
        with pytest.raises(AttributeError):
            getattr(sys.stderr, "nonesuch")  # noqa: B009
    assert kept(small_job.tree) == ["-: one", "-: two"]


@pytest.mark.parametrize("reads_early", [True, False])
def test_what_programs_print_is_kept_with_the_task_that_started_them(small_job, capfd, monkeypatch, reads_early):
    if not reads_early:  # the thread comes too late
        monkeypatch.setattr(ChildOutput, "_run", lambda _: None)
    logs = Logs(small_job.tree, "all-0")
    with logs.capture():
        with logs.during(Task(0, "map", 3)):
            print("before")
            subprocess.run(["sh", "-c", "echo out; echo err >&2; printf begun"], check=True)
            subprocess.run("echo given", shell=True, check=True, stdout=sys.stdout)
            asked = subprocess.run(["echo", "asked for"], check=True, capture_output=True)
            with pytest.raises(subprocess.CalledProcessError):
                subprocess.check_call(["sh", "-c", "echo failing; exit 3"])
        with logs.during(Task(0, "map", 4)):
            subprocess.run(["echo", " on"], check=True)
            assert logs.last == " on"
    assert asked.stdout == b"asked for\n"
    lines = kept(small_job.tree)
    assert sorted(lines) == sorted([
        "0/map/3: before", "0/map/3: out", "0/map/3: err", "0/map/3: begungiven", "0/map/3: failing", "0/map/4:  on",
    ])  # fmt: skip
    passed = capfd.readouterr()
    assert "out\n" in passed.out and "err\n" in passed.err
    subprocess.run(["echo", "afterwards"], check=True)
    assert capfd.readouterr().out == "afterwards\n"


def test_a_program_that_prints_much_is_not_held_up_and_bounded(small_job):
    logs = Logs(small_job.tree, "all-0")
    with logs.capture(), logs.during(Task(0, "map", 0)):
        script = "import sys; [print('y' * 1000) for _ in range(4000)]; sys.stdout.write('z' * 1_000_000)"
        subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    assert size_of(small_job.tree) < LARGEST_LOG + 1000


def test_what_tasks_printed_is_kept_before_the_job_is_finished(small_job, monkeypatch):
    """Once it is, the engine may end a worker at any time."""
    seen = []

    def seeing(tree, conf):
        seen.append(kept(tree))
        finish(tree, conf)

    monkeypatch.setattr(loop, "finish", seeing)
    small_job.write_input({"a.txt": b"one two\n"})
    small_job.create(STAGE)
    Worker(small_job.tree, "all", 0).run()
    assert "0/map/0: a line: one two" in seen[0]
