"""`fanfold run` and a job's own script, as processes: bytes, resuming, refusals, exit statuses."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fanfold.planning.standalone import lock_output
from fanfold_steps.tree.job_tree import JobTree
from tests.processes import is_running
from tests.steps.conftest import count_words, parse_counts
from tests.workflows.commands import RUN, run_in

TEXTS = {f"{n}.txt": b"some words here and number%d\r\nthere\n" % n * 3000 for n in range(6)}
EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def texts(tmp_path):
    (tmp_path / "in").mkdir()
    for name, data in TEXTS.items():
        (tmp_path / "in" / name).write_bytes(data)
    return tmp_path


def run(folder, *arguments, command=(*RUN, "wordcount")):
    return run_in(folder, *command, "--input", "in", "--output", "out", *arguments)


def parts(folder, name="out"):
    return {path.name: path.read_bytes() for path in sorted((folder / name).glob("part-*"))}


@pytest.mark.thorough
def test_words_are_counted_and_only_the_output_stays(texts):
    done = run(texts, "--partitions", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "done in" in done.stderr
    assert parse_counts(parts(texts)) == count_words(TEXTS)
    left = sorted(path.name for path in (texts / "out").iterdir())
    assert left == ["_SUCCESS", "_fanfold", "part-00000.txt", "part-00001.txt"]
    assert sorted(path.name for path in texts.iterdir()) == ["in", "out"]


@pytest.mark.thorough
@pytest.mark.parametrize("workers", ["1", "2", "4"])
@pytest.mark.parametrize("split_size", ["1KiB", "50KB", "64MiB"])
def test_bytes_are_the_same_for_any_workers_and_splits(texts, workers, split_size):
    if split_size == "1KiB":  # hundreds of tiny tasks: enough with a part of the text
        for name in list(TEXTS)[1:]:
            (texts / "in" / name).write_bytes(TEXTS[name][:2000])
    run(texts, "--workers", workers, "--split-size", split_size, "--partitions", "3")
    first = parts(texts)
    reference = subprocess.run(
        [*RUN, "wordcount", "--input", "in", "--output", "reference", "--partitions", "3"], cwd=texts, check=True
    )
    assert reference.returncode == 0
    assert first == parts(texts, "reference")


@pytest.mark.thorough
def test_partitions_without_a_reducer_have_no_effect_and_that_is_told(texts):
    for partitions, told in ((["--partitions", "2"], True), ([], False)):
        done = run(texts, *partitions, "--param", "pattern=here", "--overwrite", command=[*RUN, "grep"])
        assert done.returncode == 0, done.stderr
        assert (
            "--partitions 2 has no effect: a job without a reducer writes one part per split" in done.stderr
        ) is told


@pytest.mark.thorough
def test_a_script_is_a_command_of_its_own(texts):
    done = run(texts, command=[sys.executable, EXAMPLES / "wordcount.py"])
    assert done.returncode == 0, done.stderr
    assert parse_counts(parts(texts)) == count_words(TEXTS)


@pytest.mark.thorough
def test_json_is_one_object_on_stdout(texts):
    told = json.loads(run(texts, "--json").stdout)
    assert told["parts"][0]["name"] == "part-00000.txt"
    assert told["records"] == len(count_words(TEXTS))
    assert told["bytes"] == sum(map(len, parts(texts).values()))


HOOKED = """
from collections import Counter
from fanfold import Job, Sum

class Words:
    def __init__(self, least):
        self.least = least
    def start(self, ctx):
        self.ctx, self.counts = ctx, Counter()
    def __call__(self, line):
        self.counts.update(word for word in line.split() if len(word) >= self.least)
        return ()
    def finish(self):
        self.ctx.count("words", "kept", self.counts.total())
        yield from self.counts.items()

words = Words(least=5)
job = Job(map=words, reduce=Sum())
if __name__ == "__main__":
    job.main()
"""


@pytest.mark.thorough
@pytest.mark.parametrize("command", [[*RUN, "hooked.py"], [sys.executable, "hooked.py"]])
def test_an_object_with_hooks_is_a_mapper_and_counters_are_told(texts, command):
    (texts / "hooked.py").write_text(HOOKED)
    done = run(texts, "--json", "--split-size", "20KB", command=command)
    assert done.returncode == 0, done.stderr
    kept = {word: count for word, count in count_words(TEXTS).items() if len(word) >= 5}
    assert parse_counts(parts(texts)) == kept
    told = json.loads(done.stdout)
    assert told["counters"]["words"] == {"kept": sum(kept.values())}
    assert told["counters"]["fanfold"]["input_bytes"] == sum(map(len, TEXTS.values()))


@pytest.mark.thorough
def test_bad_records_are_skipped_and_told(texts):
    (texts / "skipping.py").write_text(
        "from fanfold import Job, Skip, Sum\ndef words(line):\n    print('a', line)\n    return [(int(line[-1]), 1)]\n"
        "job = Job(map=words, reduce=Sum(), on_error=Skip(at_most=0.6))\n"
    )
    for name, data in TEXTS.items():
        (texts / "in" / name).write_bytes(data[:3500])
    done = run(texts, "--keep", command=[*RUN, "skipping.py"])
    assert done.returncode == 0, done.stderr
    assert "600 bad records were skipped: see file://" in done.stderr
    assert "/out/_quarantine/part-00000.jsonl" in done.stderr
    bad = (texts / "out" / "_quarantine" / "part-00000.jsonl").read_text().splitlines()
    assert len(bad) == 600
    assert json.loads(bad[0]) == {
        "step": "map",
        "file": "0.txt",
        "offset": len("some words here and number0\r\n"),
        "record": "there",
        "problem": "the mapper raised ValueError: invalid literal for int() with base 10: 'e'",
        "traceback": 'Traceback (most recent call last):\n  File "skipping.py", line 4, in words\n'
        "    return [(int(line[-1]), 1)]\n             ^^^^^^^^^^^^^\n"
        "ValueError: invalid literal for int() with base 10: 'e'",
    }
    logs = sorted((texts / "out" / "_job" / "logs").rglob("*.txt"))
    assert " 0/map/0 " in logs[0].read_text()


@pytest.mark.thorough
def test_what_the_code_says_it_does_is_shown(texts):
    (texts / "telling.py").write_text(
        "import os, time\nfrom fanfold import Job, Sum\n"
        "def words(line, ctx):\n"
        "    if ctx.source.offset == 0:\n"
        "        ctx.progress('reading ' + ctx.source.path)\n"
        f"        while ctx.source.path.startswith('1') and not os.path.exists({str(texts / 'seen')!r}):\n"
        "            time.sleep(0.05)\n"
        "    return [(word, 1) for word in line.split()]\n"
        "job = Job(map=words, reduce=Sum())\n"
    )
    command = [*RUN, "telling.py", "--input", "in", "--output", "out", "--workers", "1", "--split-size", "60KB"]
    for place, name in enumerate(TEXTS):
        (texts / "in" / name).rename(texts / "in" / f"{place}.txt") if place < 2 else (texts / "in" / name).unlink()
    with subprocess.Popen(command, cwd=texts, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr
        assert any(re.search(r"reading 1.txt", line) for line in running.stderr)  # until then the mapper waits
        (texts / "seen").touch()
        running.stderr.read()
    assert running.returncode == 0


@pytest.mark.thorough
def test_keep_leaves_the_tree(texts):
    run(texts, "--keep")
    assert JobTree.open(str(texts / "out" / "_job")).find("report.json")


@pytest.mark.thorough
def test_interrupted_it_goes_on_from_what_is_done(texts):
    (texts / "slow.py").write_text(
        "import time\nfrom fanfold import Job, Sum\n"
        "def words(line):\n"
        "    time.sleep(0.0005)\n"
        "    return [(word, 1) for word in line.split()]\n"
        "job = Job(map=words, reduce=Sum())\n"
    )
    for name in list(TEXTS)[2:]:
        (texts / "in" / name).unlink()
    options = ["--input", "in", "--output", "out", "--split-size", "20KB", "--workers", "1"]
    command, out, err = [*RUN, "slow.py", *options, "--json"], subprocess.PIPE, subprocess.PIPE
    first = subprocess.Popen(command, cwd=texts, stdout=out, stderr=err, text=True, start_new_session=True)
    tree = JobTree.open(str(texts / "out" / "_job"))
    deadline = time.monotonic() + 30
    while len(list(tree.committed(0, "map"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(first.pid, signal.SIGINT)
    result, told = first.communicate(timeout=20)
    assert first.returncode == 130
    assert "run the same command again to resume" in told
    assert json.loads(result) == {
        "error": {"detail": "interrupted: stopped: run the same command again to resume", "status": 130}
    }
    assert parts(texts) == {}
    done_before = {stat.key: stat.modified for stat in tree.objects.list("stage-0/map/")}
    second = run(texts, "--keep", "--split-size", "1MiB", "--memory", "256MiB", command=[*RUN, "slow.py"])
    assert second.returncode == 0, second.stderr
    assert (
        "--split-size, --memory: no effect, because this resumes a run that was started with other values"
        in second.stderr
    )
    assert parse_counts(parts(texts)) == count_words(dict(list(TEXTS.items())[:2]))
    after = {stat.key: stat.modified for stat in tree.objects.list("stage-0/map/")}
    assert done_before.items() <= after.items()


@pytest.mark.thorough
def test_files_where_the_user_stands_are_not_imported(texts):
    for name in ("random.py", "fanfold_steps.py", "json.py"):
        (texts / name).write_text("raise SystemExit('shadowed')\n")
    done = run(texts, command=[sys.executable, "-P", "-m", "fanfold_client", "run", "wordcount"])
    assert done.returncode == 0, done.stderr


@pytest.mark.thorough
def test_workers_leave_nothing_in_the_temporary_folder(texts, tmp_path_factory):
    scratch = tmp_path_factory.mktemp("scratch")
    (texts / "job_here.py").write_text((EXAMPLES / "wordcount.py").read_text())
    options = ["--input", "in", "--output", "out", "--workers", "4"]
    environ = {**os.environ, "TMPDIR": str(scratch)}
    subprocess.run([*RUN, "job_here.py", *options], cwd=texts, env=environ, check=True)
    assert list(scratch.iterdir()) == []


@pytest.mark.thorough
@pytest.mark.parametrize("end", ["yield line, 1", "os.kill(os.getpid(), 9)"])
def test_what_a_mapper_left_running_ends_with_its_worker(texts, end):
    """A daemon that is in a session of its own, whether its worker ends well or is killed."""
    (texts / "leaver.py").write_text(
        "import os, subprocess, sys\nfrom fanfold import Job, Sum\nstarted = []\ndef f(line):\n"
        "    if not started:\n"
        "        started.append(subprocess.Popen(['sleep', '600'], start_new_session=True))\n"
        f"        with open({str(texts / 'pids')!r}, 'a') as pids:\n            print(started[0].pid, file=pids)\n"
        f"    {end}\njob = Job(map=f, reduce=Sum())\n"
    )
    run(texts, "--workers", "1", command=[*RUN, "leaver.py"])
    pids = (texts / "pids").read_text().split()
    assert pids
    assert [pid for pid in pids if is_running(int(pid))] == []


@pytest.mark.thorough
def test_a_worker_that_leaves_without_a_word_is_told(texts):
    (texts / "leaver.py").write_text(
        "import os\nfrom fanfold import Job, Sum\ndef f(line):\n    os._exit(0)\njob = Job(map=f, reduce=Sum())\n"
    )
    failed = run(texts, "--workers", "1", command=[*RUN, "leaver.py"])
    assert failed.returncode == 1
    assert "map/0: the worker ended with status 0 on this task, 4 times" in failed.stderr


@pytest.mark.thorough
def test_a_file_name_with_control_characters_is_read_and_shown_escaped(texts):
    (texts / "bad.py").write_text(
        "from fanfold import Job\ndef f(line):\n    yield 1 / (line != 'odd')\njob = Job(map=f)\n"
    )
    (texts / "in" / "new\nline\x1b[31m.txt").write_text("fine\nodd\n")
    failed = run(texts, command=[*RUN, "bad.py"])
    assert failed.returncode == 1
    assert "at file:///" in failed.stderr and "/in/new%0Aline%1B%5B31m.txt, byte 5: odd" in failed.stderr
    assert "\x1b" not in failed.stderr
    done = run(texts, "--overwrite")
    assert done.returncode == 0, done.stderr
    assert parse_counts(parts(texts)) == count_words({**TEXTS, "odd": b"fine\nodd\n"})


@pytest.mark.thorough
def test_an_output_that_a_link_leads_into_the_input_is_refused(texts):
    (texts / "link").symlink_to("in")
    done = subprocess.run(
        [*RUN, "wordcount", "--input", "in", "--output", "link/out"], cwd=texts, capture_output=True, text=True
    )
    assert done.returncode == 3
    assert "lies in the input" in done.stderr


@pytest.mark.thorough
def test_two_commands_do_not_share_an_output(texts):
    (texts / "alias").symlink_to(texts)
    for name in ("out", "alias/out"):
        with lock_output((texts / name).as_uri() + "/"):
            refused = run(texts)
        assert refused.returncode == 3
        assert "another command is running a job into" in refused.stderr
    assert run(texts).returncode == 0


@pytest.mark.thorough
def test_a_mapper_that_raises_fails_with_the_traceback_and_mended_it_runs(texts):
    script = texts / "job_here.py"
    broken = "from fanfold import Job, Sum\ndef f(line):\n    yield int(line), 1\njob = Job(map=f, reduce=Sum())\n"
    script.write_text(broken)
    failed = run(texts, command=[*RUN, "job_here.py"])
    assert failed.returncode == 1
    assert "ValueError: invalid literal for int()" in failed.stderr
    assert 'File "job_here.py", line 3, in f' in failed.stderr
    assert "0.txt, byte 0" in failed.stderr
    assert parts(texts) == {}
    script.write_text(broken.replace("int(line)", "line"))
    assert run(texts, command=[*RUN, "job_here.py"]).returncode == 0
    assert sorted(path.name for path in (texts / "out").iterdir()) == ["_SUCCESS", "_fanfold", "part-00000.txt"]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["wordcount", "--input", "nothing", "--output", "out"], 3, "doesn't exist"),
        (["wordcount", "--input", "in", "--output", "in"], 3, "already exists"),
        (
            ["wordcount", "--input", "in", "--output", "files:x/"],
            3,
            "write files:x/: write a path (./files:x/ if",
        ),
        (["wordcount", "--input", "hdfs://x/y", "--output", "out"], 3, "can't read or write hdfs://x/y: write a path"),
        (["wordcount", "--input", "s3:x/y", "--output", "out"], 3, "or s3://BUCKET/PATH"),
        (["worldcount", "--input", "in", "--output", "out"], 3, "there is no built-in job"),
        (["none.py", "--input", "in", "--output", "out"], 3, "there is no file"),
        (
            ["wordcount", "--input", "in", "--output", "out", "--split-size", "1 elephant"],
            2,
            "is not a size; write 64KiB",
        ),
        (
            ["wordcount", "--input", "in", "--output", "out", "--memory", "64M"],
            2,
            "(units: B, KiB, MiB, GiB",
        ),
        (["wordcount", "--input", "in", "--output", "out", "--memory", "64"], 3, "not 64 B: increase it"),
        (["wordcount", "--input", "in"], 2, "--output"),
        (
            ["wordcount", "--input", "in", "--output", "out", "--claim", "data"],
            2,
            "--claim only applies to pods",
        ),
        (["wordcount", "--input", "in", "--output", "out", "--on", "argo"], 6, "No configuration found. Set"),
        (["wordcount", "--input", "in", "--output", "out", "--workers", "9", "--memory", "1MiB"], 3, "at least 144MiB"),
    ],
)
def test_what_is_refused(texts, arguments, status, words):
    environ = {**os.environ, "KUBECONFIG": str(texts / "none")}
    refused = subprocess.run([*RUN, *arguments], cwd=texts, env=environ, capture_output=True, text=True)
    assert (refused.returncode, words in refused.stderr) == (status, True), refused.stderr
    assert [path.name for path in texts.iterdir()] == ["in"]


@pytest.mark.thorough
def test_a_set_has_the_same_order_in_every_process(texts):
    (texts / "job.py").write_text(
        "from fanfold import First, Job\n"
        "def words(line):\n"
        "    yield len(line), next(iter(set(line.split())), '')\n"
        "job = Job(map=words, reduce=First())\n"
    )
    found = set()
    for name in ("one", "two", "three"):
        subprocess.run([*RUN, "job.py", "--input", "in", "--output", name, "--quiet"], cwd=texts, check=True)
        found.add(tuple(parts(texts, name).values()))
    assert len(found) == 1
