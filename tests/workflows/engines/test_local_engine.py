"""The local engine keeps the contract of engines."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fanfold.engines import Handle, Observation, Phase
from fanfold.engines.local.engine import LocalEngine
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


def test_workers_that_another_process_ran_were_abandoned() -> None:
    """What a service that was killed had started says nothing about the job; what this one doesn't know, does."""
    engine = LocalEngine()
    assert engine.observe(Handle("local", "job", "another.1")) == Observation(Phase.GONE, abandoned=True)
    assert engine.observe(Handle("local", "job", f"{engine._incarnation}.1")) == Observation(Phase.GONE)
