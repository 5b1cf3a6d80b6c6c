"""The local engine keeps the contract of engines."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fanfold.engines import Handle, Observation, Phase
from fanfold.engines.local.engine import LocalEngine
from fanfold_steps.worker.descendants import end_below
from tests.workflows.engines.engine_contract import BROKEN, GATED, EngineContract, Place, ended, eventually


class TestLocalEngine(EngineContract):
    @pytest.fixture
    def engine(self) -> Iterator[LocalEngine]:
        engine = LocalEngine()
        yield engine
        engine.close()

    @pytest.fixture
    def place(self, tmp_path: Path) -> Place:
        return Place(tmp_path, str(tmp_path))

    @pytest.mark.thorough
    def test_of_jobs_that_ended_only_the_latest_are_remembered(self, engine, prepare, monkeypatch):
        """So a service that runs for months doesn't grow with every job."""
        monkeypatch.setattr("fanfold.engines.local.engine.MOST_ENDED", 1)
        running = engine.submit(prepare(GATED).plan)
        handles = []
        for _ in range(2):
            handles.append(engine.submit(prepare(BROKEN).plan))
            eventually(lambda: ended(engine.observe(handles[-1])), "its workers have left")
        assert engine.observe(handles[0]) == Observation(Phase.GONE)
        assert engine.observe(running).phase is Phase.ACTIVE

    @pytest.mark.skipif(not Path("/proc").is_dir(), reason="states of processes are read in /proc")
    def test_workers_stand_still_while_what_they_started_is_killed(self, engine, prepare, monkeypatch):
        """Else a mapper could take the end of its program for a good one, and the task would be committed."""
        states = []

        def observed(pid: int) -> None:
            end_below(pid)
            states.append(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0])

        monkeypatch.setattr("fanfold.engines.local.engine.end_below", observed)
        job = engine.submit(prepare(GATED).plan).name
        eventually(lambda: engine._crews[job].processes, "a worker has started")
        engine.close()
        assert set(states) == {"T"}


def test_workers_that_another_process_ran_were_abandoned() -> None:
    """What a service that was killed had started says nothing about the job; what this one doesn't know, does."""
    engine = LocalEngine()
    assert engine.observe(Handle("local", "job", "another.1")) == Observation(Phase.GONE, abandoned=True)
    assert engine.observe(Handle("local", "job", f"{engine._incarnation}.1")) == Observation(Phase.GONE)


# As a service does that a script became, which had started something: then a daemon of a worker that was killed comes.
ADOPTING = """
import subprocess, sys
from fanfold.engines.local.engine import LocalEngine
sleeping = [sys.executable, "-c", "import time; time.sleep(600)"]
before = subprocess.Popen(sleeping)
engine = LocalEngine(adopts=True)
daemon = subprocess.Popen(sleeping)
engine._end_orphans()
print(before.poll(), daemon.poll())
before.kill()
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are found in /proc")
def test_what_a_process_had_started_before_it_served_is_left_alone() -> None:
    done = subprocess.run([sys.executable, "-c", ADOPTING], capture_output=True, text=True, timeout=60)
    before, daemon = done.stdout.split()
    assert before == "None" and daemon != "None", done.stderr
