"""The local engine keeps the contract of engines."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fanfold.engines.local import LocalEngine
from tests.workflows.engine_contract import EngineContract, Place


class TestLocalEngine(EngineContract):
    @pytest.fixture
    def engine(self) -> Iterator[LocalEngine]:
        engine = LocalEngine()
        yield engine
        engine.close()

    @pytest.fixture
    def place(self, tmp_path: Path) -> Place:
        return Place(tmp_path, str(tmp_path))
