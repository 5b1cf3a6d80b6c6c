"""The bench measures what it says, and the page says what was measured."""

import ast
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench import page
from bench.__main__ import GROUPS, RESULTS, ROWS
from bench.harness import commands, inputs, load, processes
from bench.harness.load import Request, Unexpected
from bench.harness.processes import CommandFailed, run
from bench.harness.ways import Disagreement, Way, in_turn
from bench.page import targets
from bench.page.plot import Panel, draw
from bench.workloads import cluster, lists, services, starting, watching
from tests.waiting import poll

SOME = {"median": 2.0, "runs": [2.0], "peak_mb": 90, "processes": 3}


def measured(text: str) -> str:
    """The page without the crash points, which are counted in the source (test_crashes.py looks at their number)."""
    return re.sub(r"## Crash points\n.*?(?=\n## |\Z)", "", text, flags=re.DOTALL)


def write(text: str) -> Way:
    return Way(lambda target: [sys.executable, "-c", f"open({str(target)!r}, 'w').write({text!r})"], runs=1)


@pytest.mark.thorough
def test_the_page_is_what_the_results_say():
    assert measured(page.TARGET.read_text()) == measured(page.text(json.loads(RESULTS.read_text())))


def test_every_target_has_a_row_that_measures_it():
    assert {target.row for target in targets.TARGETS} <= set(ROWS)
    assert len(ROWS) == sum(map(len, GROUPS.values()))


@pytest.mark.thorough
def test_a_missed_figure_is_told_as_missed():
    slow = {"bytes": 1, "day": "today", "machine": "this", "ways": {"fanfold": SOME | {"median": 9.0}, "bare": SOME}}
    told = page.text({"words": slow})
    assert "| ≤ 1.1× a bare two-process script | 4.50× | **missed** |" in told
    assert "mrjob |" not in told, "what was not measured is not there"


def test_ways_whose_answers_differ_are_no_measurement(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(inputs, "CACHE", tmp_path)
    assert in_turn({"one": write("a"), "two": write("a")}, Path.read_text).keys() == {"one", "two"}
    with pytest.raises(Disagreement):
        in_turn({"one": write("a"), "two": write("b")}, Path.read_text)
    assert not list(tmp_path.iterdir())


def test_memory_is_that_of_a_command_and_all_it_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    os.mkfifo(ready := tmp_path / "ready")
    os.mkfifo(seen := tmp_path / "seen")
    child = f"held = bytearray(60_000_000); open({str(ready)!r}, 'w').close(); open({str(seen)!r}).close()"
    parent = f"import subprocess, sys; held = bytearray(30_000_000); subprocess.run([sys.executable, '-c', {child!r}])"
    looks: list[list[int]] = []
    descendants = processes.descendants

    def look(pid: int) -> list[int]:
        looks.append(descendants(pid))
        return looks[-1]

    def let_it_be_seen(pid: int) -> None:
        """Both hold their memory; the next look that begins sees it, and the one after says that it is over."""
        ready.open().close()
        before = len(looks)
        poll(lambda: len(looks) >= before + 2)
        seen.open("w").close()

    monkeypatch.setattr(processes, "descendants", look)
    found = run([sys.executable, "-c", parent], {}, watch_memory=True, meanwhile=let_it_be_seen)
    assert 90_000_000 < found.peak < 130_000_000
    assert found.processes == 2


class Slow(BaseHTTPRequestHandler):
    """Answers one request after the other, each after 50 ms, with the status in its path."""

    protocol_version = "HTTP/1.1"
    turn = threading.Lock()

    def do_GET(self) -> None:
        with self.turn:
            time.sleep(0.05)
        self.send_response(int(self.path[1:]))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def slow() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.thorough
def test_requests_that_come_at_a_rate_count_the_time_that_they_queue(slow: int):
    took = sorted(load.offer(slow, Request("GET", "/200"), per_second=100, count=10))
    assert len(took) == 10 and took[0] >= 0.05, "the first is answered at once"
    assert took[-1] >= 10 * 0.05 - 10 * 0.01, "the last waits for all others, on whichever connection"


def test_as_many_are_sent_as_are_asked_for(slow: int):
    assert len(load.repeat(slow, Request("GET", "/200"), count=5)) == 5
    assert 1 <= len(load.repeat(slow, Request("GET", "/200"), seconds=0.1)) <= 2 + load.CONNECTIONS
    with pytest.raises(Unexpected, match="answered with 404"):
        load.repeat(slow, Request("GET", "/404"), count=1)


def test_a_percentile_is_a_value_that_was_measured():
    assert [load.percentile([3, 1, 2, 4], percent) for percent in (1, 50, 99, 100)] == [1, 2, 4, 4]


@pytest.mark.thorough
def test_the_services_are_measured_and_shown():
    found = services.measure(0.01)
    assert all(rates["median"] > 0 for kind in ("status", "submissions") for rates in found[kind].values())
    told = page.text({"services": found | {"day": "today", "machine": "this"}})
    work = [target.work for target in targets.TARGETS if target.row == "services"]
    assert len(work) == 6 and all(f"| {one} |" in told for one in work)
    assert "| a list of 100 among 50 jobs |" in told


@pytest.mark.thorough
def test_lists_are_measured_and_shown():
    found = lists.measure(0.001)
    assert found["jobs"] == [20, 100] and found["stores"]["etcd"]["pages"]["100"]["running"]["p50"] > 0
    told = page.text({"lists": found | {"day": "today", "machine": "this"}})
    assert all(f"| {what} |" in told for what in lists.questions(0.0, 100))
    assert "memory flat (≤ 1.15× that with 1,000)" in told


@pytest.mark.thorough
def test_watching_a_job_is_measured_and_shown():
    found = watching.measure(0.02)
    assert found["tasks"] == 200 and found["events"]["count"] >= 2
    told = page.text({"watching": found | {"day": "today", "machine": "this"}})
    assert all(f"| {what} |" in told for what in watching.QUESTIONS)
    assert "| a job of 10,000 tasks | a page of its tasks ≤ 50 ms |" in told


def test_a_command_that_fails_says_why():
    with pytest.raises(CommandFailed, match="no such luck"):
        run([sys.executable, "-c", "raise SystemExit('no such luck')"], {})


@pytest.mark.thorough
def test_inputs_have_their_size_and_the_same_bytes_every_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    digests = set()
    for name in ("first", "second"):
        monkeypatch.setattr(inputs, "CACHE", tmp_path / name)
        made = [inputs.records(10_000), inputs.keyed(10_000), *sorted(inputs.documents(50_000, 20).iterdir())]
        assert [file.stat().st_size for file in made[:2]] == [10_000, 10_000]
        assert len(made) == 22
        digests.add(hashlib.sha256(b"".join(file.read_bytes() for file in made)).hexdigest())
    assert len(digests) == 1
    keys = [line.split("\t")[0] for line in made[1].read_text().splitlines()]
    assert all(keys.count(key) == 2 for key in keys)


def test_a_chart_is_the_same_every_time_and_holds_its_points():
    panel = Panel("time", "s", ["1", "2"], [1, 2], [1.0, 2.5], [1.0, 2.0])
    assert draw("chart", [panel]) == draw("chart", [panel])
    assert "2.5 s" in draw("chart", [panel] * 3)


@pytest.mark.thorough
def test_the_command_measures_a_row_and_prints_it():
    command = [sys.executable, "-m", "bench", "tasks", "--scale", "0.002"]
    told = subprocess.run(command, check=True, capture_output=True, text=True, cwd=page.TARGET.parents[1]).stdout
    assert json.loads(told)["tasks"]["ms_per_task"]


def loaded(module: str) -> set[str]:
    """Modules of ours that a process has loaded after it imported one."""
    script = f"import sys, {module}; print(*(name for name in sys.modules if name.startswith('fanfold')))"
    command = [sys.executable, "-c", script]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


@pytest.mark.thorough
def test_the_import_that_is_timed_loads_what_a_worker_loads():
    """If the module moved and left an empty package behind, its import would take no time and look like success."""
    entry = "fanfold_steps.__main__"
    of_processes = {"fanfold_steps.memory.allocation", "fanfold_steps.worker.descendants"}
    assert loaded(entry) - loaded(starting.WORKER) <= {entry, *of_processes}
    assert len(loaded(starting.WORKER)) > 50


def test_scripts_that_rows_name_are_there():
    files = sorted(Path(starting.__file__).parent.glob("*.py"))
    nodes = (node for file in files for node in ast.walk(ast.parse(file.read_text())))
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    named = {text for text in texts if text.endswith((".py", ".yaml")) and " " not in text}
    assert {"examples/wordcount.py", "words_bare.py", "map-reduce.yaml"} <= named
    folders = (commands.ROOT, commands.SCRIPTS, files[0].parent, cluster.JOBS)
    assert not {name for name in named if not any((folder / name).is_file() for folder in folders)}
    assert (commands.ROOT / "pyproject.toml").is_file(), "the environment of the peers lies beside it"
