"""What names files, modules and functions of ours by text: if those moved it would find nothing, and say nothing."""

import dataclasses
import inspect
from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest

from fanfold import builtin
from fanfold_steps import formats
from fanfold_steps.failure.user_frames import CALLED_BY_USERS, is_own
from fanfold_steps.job.formats import InputFormat, OutputFormat
from fanfold_steps.job.spec import Function, JobConf
from fanfold_steps.memory.budget import Budget
from fanfold_steps.tasks import split
from fanfold_steps.tree.counters import Tally
from fanfold_steps.tree.plan import Plan
from fanfold_steps.user_code.context import Context
from fanfold_steps.user_code.twins import twin_of
from fanfold_steps.worker import last_task, loop
from tests.steps.conftest import SmallJob

ROOT = Path(__file__).parents[1]
WORKERS_CODE = [file for layer in ("steps", "storage", "workflows") for file in (ROOT / layer).rglob("*.py")]


def test_the_thread_that_does_tasks_is_known_by_the_file_of_its_loop() -> None:
    """Else the traceback of a task that hangs in C code would be empty."""
    assert inspect.getfile(loop.Worker) == last_task._LOOP


def test_what_user_code_calls_is_known_by_the_names_of_its_files() -> None:
    """Else what `ctx` refuses would be told without the place in the user's code; a namesake would hide our faults."""
    files = [Path(inspect.getfile(asked)) for asked in (Context, Tally)]
    assert sorted(CALLED_BY_USERS) == sorted(file.name for file in files)
    assert [file for file in WORKERS_CODE if file.name in CALLED_BY_USERS and file not in files] == []


def test_every_module_that_a_worker_may_load_is_known_as_our_own() -> None:
    """Else its frames would be shown to users as theirs."""
    assert [file for file in WORKERS_CODE if not is_own(str(file))] == []


@pytest.mark.parametrize(
    ("declared", "places"), [(InputFormat, formats._READERS), (OutputFormat, formats._WRITERS)], ids=["input", "output"]
)
def test_every_format_names_what_reads_and_writes_it(declared: object, places: dict[str, str]) -> None:
    """They are imported only when a job asks for them."""
    fields = [field for one in get_args(declared) for field in dataclasses.fields(one) if field.name == "format"]
    assert {field.default for field in fields} == set(places)
    assert all(callable(formats._load(place)) for place in places.values())


def test_the_word_count_that_has_a_twin_in_columns_is_the_one_that_runs() -> None:
    """Else it would run by records, however large the input is."""
    mapper = builtin.find("wordcount").stages[0].map
    assert isinstance(mapper, Function)
    module, _, name = mapper.function.partition(":")
    module, _, name = str(twin_of(getattr(import_module(module), name))).partition(":")
    assert callable(getattr(import_module(module), name))


def test_tests_that_give_workers_less_memory_reach_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many tests let memory go to disk by patching these names, and compare bytes, which stay right without it."""
    job = SmallJob(tmp_path)
    job.write_input({"a.txt": b"a\n"})
    job.create()
    asked = []

    def budget_of(conf: JobConf) -> Budget:
        asked.append(conf.id)
        return Budget(12345)

    for module in (loop, split):
        monkeypatch.setattr(module, "budget_of", budget_of)
    worker = loop.Worker(job.tree, "split", 0)
    worker.run()
    assert worker.budget == Budget(12345)
    assert len(asked) == 2, "the loop asks, and the split, which plans by it"
    assert Plan.load(job.tree).splits
