"""The local engine keeps the contract of engines."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fanfold.engines import Handle, Observation, Phase
from fanfold.engines.local.engine import LocalEngine
from tests.workflows.engines.engine_contract import EngineContract, Place


class TestLocalEngine(EngineContract):
    @pytest.fixture
    def engine(self) -> Iterator[LocalEngine]:
        engine = LocalEngine()
        yield engine
        engine.close()

    @pytest.fixture
    def place(self, tmp_path: Path) -> Place:
        return Place(tmp_path, str(tmp_path))


def test_workers_that_another_process_ran_were_abandoned() -> None:
    """What a service that was killed had started says nothing about the job; what this one doesn't know, does."""
    engine = LocalEngine()
    assert engine.observe(Handle("local", "job", "another.1")) == Observation(Phase.GONE, abandoned=True)
    assert engine.observe(Handle("local", "job", f"{engine._incarnation}.1")) == Observation(Phase.GONE)
