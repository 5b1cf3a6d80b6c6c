"""Run again, and what a run says: mended code with --overwrite, help, counters, files beside the job, locks."""

import os
import signal
import subprocess
import sys

import pytest

from fanfold.planning.standalone import lock_output
from tests.waiting import poll
from tests.workflows.commands import RUN, run_in

WAITS = """import pathlib, time
from fanfold import Count, Job
def f(line):
    pathlib.Path("busy").touch()
    while True:
        time.sleep(0.05)
job = Job(map=f, reduce=Count())
"""
COUNTS = '''"""Count lines by their length.

Those that are too short don't count.
"""
from pydantic import BaseModel, Field
from fanfold import Count, Job
class Params(BaseModel):
    least: int = Field(1, description="the shortest that counts")
def f(line, ctx):
    ctx.count("lines", "seen")
    if len(line) >= ctx.params.least:
        yield len(line), 1
job = Job(map=f, reduce=Count(), params=Params)
if __name__ == "__main__":
    job.main()
'''


@pytest.mark.thorough
def test_mended_code_starts_anew_with_overwrite_after_an_interruption(tmp_path):
    (tmp_path / "again_job.py").write_text(WAITS)
    (tmp_path / "in.txt").write_text("a\nbb\n")
    command = [*RUN, "again_job.py", "--input", "in.txt", "--output", "out", "--workers", "1"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL) as process:
        poll((tmp_path / "busy").exists)
        process.send_signal(signal.SIGINT)
    (tmp_path / "again_job.py").write_text(COUNTS)
    refused = run_in(tmp_path, *command)
    assert refused.returncode == 3
    assert "start over with --overwrite" in refused.stderr
    done = run_in(tmp_path, *command, "--overwrite")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "part-00000.txt").read_text() == "1\t1\n2\t1\n"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["_SUCCESS", "_fanfold", "part-00000.txt"]
    assert "lines: seen 2" in done.stderr


@pytest.mark.thorough
def test_help_shows_the_jobs_docstring_and_parameters(tmp_path):
    (tmp_path / "counts_job.py").write_text(COUNTS)
    for command in ([sys.executable], RUN, [*RUN[:-1], "submit"]):
        done = run_in(tmp_path, *command, "counts_job.py", "--help")
        assert done.returncode == 0, done.stderr
        assert "Count lines by their length." in done.stdout
        assert "Those that are too short don't count." in done.stdout
        assert "--param least=…  the shortest that counts (default: 1)" in done.stdout


BESIDE = """from pathlib import Path
from fanfold import Count, Job
def f(line):
    if line not in Path(__file__).with_name("stop.txt").read_text().split():
        yield line, 1
job = Job(map=f, reduce=Count(){files})
"""


@pytest.mark.thorough
def test_a_file_beside_the_job_is_there_if_it_is_named_and_else_the_error_says_how(tmp_path):
    (tmp_path / "stop.txt").write_text("a\n")
    (tmp_path / "in.txt").write_text("a\nb\n")
    for name, files in (("named", ', files={"stop": "stop.txt"}'), ("unnamed", "")):
        (tmp_path / f"{name}_job.py").write_text(BESIDE.format(files=files))
        done = run_in(tmp_path, *RUN, f"{name}_job.py", "--input", "in.txt", "--output", name, "--workers", "1")
        if name == "named":
            assert done.returncode == 0, done.stderr
            assert (tmp_path / name / "part-00000.txt").read_text() == "b\t1\n"
        else:
            assert done.returncode == 1
            assert "name it in Job(files={'stop': 'stop.txt'})" in done.stderr


@pytest.mark.thorough
def test_two_runs_into_one_output_are_told_whatever_their_temporary_folders(tmp_path):
    (tmp_path / "in.txt").write_text("a\n")
    (tmp_path / "elsewhere").mkdir()
    environ = {"TMPDIR": str(tmp_path / "elsewhere")}
    assert os.environ.get("TMPDIR") != environ["TMPDIR"]
    with lock_output((tmp_path / "out").as_uri() + "/"):
        done = run_in(tmp_path, *RUN, "wordcount", "--input", "in.txt", "--output", "out", environ=environ)
    assert done.returncode == 3
    assert "another command is running a job into" in done.stderr
