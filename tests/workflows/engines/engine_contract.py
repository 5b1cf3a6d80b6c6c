"""What every engine must do, whatever its workers are: subclass `EngineContract` with an engine and a place for data.

Jobs that must be seen at work run code whose mapper waits at a gate, a file that the test makes.
"""

import hashlib
import io
import threading
import time
import uuid
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue

import pytest

from fanfold.builtin import find
from fanfold.engines.protocol import Engine, EngineError, Foreign, Handle, Observation, Phase
from fanfold.planning import planner
from fanfold.planning.planner import PlannedJob
from fanfold_steps.inputs.listing import list_files
from fanfold_steps.inputs.splits import digest
from fanfold_steps.job.spec import Aggregate, Function, JobConf, JobSpec, StageSpec
from fanfold_steps.tree.job_tree import JobTree

TEXT = "one two two\nthree three three\n" * 2000
SECONDS = 90
GATED = """
import time
from pathlib import Path

def words(line):
    while not Path({gate!r}).exists():
        time.sleep(0.05)
    for word in line.split():
        yield word, 1
"""
BROKEN = """
def words(line):
    raise ValueError("no words today")
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder as the test reaches it and as workers do."""

    here: Path
    there: str

    def url(self, key: str) -> str:
        """The URL by which workers know what lies at `key`."""
        return f"file://{self.there}/{key}"


@dataclass(frozen=True, slots=True)
class Case:
    """A job under test, its data and its gate."""

    plan: PlannedJob
    here: Path

    @property
    def job(self) -> str:
        return self.plan.conf.id

    @property
    def tree(self) -> JobTree:
        return JobTree.open(str(self.here / "job"))

    def open_gate(self) -> None:
        (self.here / "gate").touch()

    def counts(self) -> dict[str, int]:
        """The words of all parts, with how often each is counted."""
        lines = [line for part in sorted(self.here.glob("out/part-*")) for line in part.read_text().splitlines()]
        assert len(lines) == len(set(lines))
        return {word: int(count) for word, count in (line.split("\t") for line in lines)}


def eventually(look: Callable[[], bool], what: str) -> None:
    """Look again and again until it is so; fail when it takes too long."""
    deadline = time.monotonic() + SECONDS
    while not look():
        assert time.monotonic() < deadline, f"after {SECONDS} s still not so: {what}"
        time.sleep(0.05)


class EngineContract:
    """The tests; a subclass gives the fixtures `engine` and `place`."""

    @pytest.fixture
    def engine(self) -> Iterator[Engine]:
        raise NotImplementedError
        yield

    @pytest.fixture
    def place(self) -> Place:
        raise NotImplementedError

    @pytest.fixture
    def prepare(self, engine: Engine, place: Place) -> Iterator[Callable[..., Case]]:
        """Lay out a job; whatever still runs at the test's end is cancelled."""
        prepared: list[Case] = []

        def prepare(code: str | None = None, workers: dict[str, int] | None = None) -> Case:
            job = f"t{time.time_ns() // 1_000_000:x}{uuid.uuid4().hex}"[:20]
            here, url = place.here / job, place.url(job)
            (here / "texts").mkdir(parents=True)
            (here / "texts/a.txt").write_text(TEXT)
            (here / "out").mkdir()
            spec, bundle_url = find("wordcount"), None
            if code is not None:
                bundle_url = f"{url}/code.zip"
                spec = bundled(code.format(gate=f"{place.there}/{job}/gate"), here / "code.zip")
            conf = JobConf(
                id=job,
                spec=spec,
                inputs=[f"{url}/texts/"],
                output=f"{url}/out/",
                partitions=2,
                split_size=8192,
                workers=workers or {"all": 1},
                inputs_digest=digest(list_files(f"{here}/texts/")),
                bundle_url=bundle_url,
            )
            planner.write(PlannedJob(conf, str(here / "job"), "tester"))
            for folder in (here, *filter(Path.is_dir, here.rglob("*"))):
                folder.chmod(0o777)  # workers may be another user than the test
            case = Case(PlannedJob(conf, f"{url}/job/", "tester"), here)
            prepared.append(case)
            return case

        yield prepare
        ours = {case.job for case in prepared}
        for job, handle in list(engine.active()):
            if job in ours:
                engine.cancel(handle)

    @pytest.mark.parametrize("workers", [{"all": 1}, {"all": 2}, {"split": 1, "map": 2, "reduce": 2}])
    def test_a_job_ends_with_the_right_bytes(self, engine, prepare, workers):
        case = prepare(workers=workers)
        handle = engine.submit(case.plan)
        eventually(lambda: ended(engine.observe(handle)), "its workers have left")
        assert case.tree.find("failed.json") is None
        assert case.tree.find("report.json"), engine.observe(handle)
        assert case.counts() == dict(Counter(TEXT.split()))

    def test_submitting_again_adopts_what_is_there(self, engine, prepare):
        case = prepare(GATED)
        handle = engine.submit(case.plan)
        assert engine.submit(case.plan) == handle
        assert engine.observe(handle).phase is Phase.ACTIVE

    def test_many_submitting_at_once_get_one_set_of_workers(self, engine, prepare):
        case = prepare(GATED)
        handles: list[Handle] = []
        threads = [threading.Thread(target=lambda: handles.append(engine.submit(case.plan))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(handles) == 4
        assert len(set(handles)) == 1

    def test_another_job_of_the_same_id_is_foreign(self, engine, prepare):
        case = prepare(GATED)
        engine.submit(case.plan)
        with pytest.raises(Foreign):
            engine.submit(replace(case.plan, conf=replace(case.plan.conf, partitions=3)))

    def test_the_next_run_of_a_job_may_have_other_code(self, engine, prepare):
        case = prepare(BROKEN)
        first = engine.submit(case.plan)
        eventually(lambda: ended(engine.observe(first)), "its workers have left")
        conf = replace(case.plan.conf, memory=1 << 30)
        case.tree.objects.delete("job.json")
        planner.write(replace(case.plan, conf=conf))
        second = engine.submit(replace(case.plan, conf=conf, run=2))
        assert second != first and second.uid != first.uid
        eventually(lambda: ended(engine.observe(second)), "the next run's workers have left")
        assert engine.observe(second).phase is not Phase.ACTIVE

    def test_it_is_listed_and_active_until_its_workers_leave(self, engine, prepare):
        case = prepare(GATED)
        handle = engine.submit(case.plan)
        assert dict(engine.active())[case.job] == handle
        eventually(lambda: bool(list(case.tree.objects.list("workers/"))), "a worker beats")
        assert engine.observe(handle).phase is Phase.ACTIVE
        case.open_gate()
        eventually(lambda: ended(engine.observe(handle)), "its workers have left")
        eventually(lambda: case.job not in dict(engine.active()), "it isn't listed any more")
        assert case.counts() == dict(Counter(TEXT.split()))

    def test_the_watch_tells_when_workers_leave_and_stops_when_asked(self, engine, prepare):
        case = prepare(GATED)
        told: SimpleQueue[str] = SimpleQueue()
        stop = threading.Event()

        def watch() -> None:
            for job in engine.watch(stop):
                told.put(job)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            handle = engine.submit(case.plan)
            case.open_gate()
            eventually(lambda: case.job in drained(told) and ended(engine.observe(handle)), "the watch told of its end")
        finally:
            stop.set()
            watcher.join(5)
        assert not watcher.is_alive()

    def test_cancelled_its_workers_leave_and_submitted_again_it_goes_on(self, engine, prepare):
        case = prepare(GATED)
        handle = engine.submit(case.plan)
        eventually(lambda: bool(list(case.tree.objects.list("workers/"))), "a worker beats")
        engine.cancel(handle)
        engine.cancel(handle)
        eventually(lambda: ended(engine.observe(handle)), "its workers have left")
        case.open_gate()
        again = submitted_in_the_end(engine, case.plan)
        assert again != handle
        assert engine.observe(handle).phase is Phase.GONE
        eventually(lambda: ended(engine.observe(again)), "its workers have left")
        assert case.counts() == dict(Counter(TEXT.split()))

    def test_a_job_that_fails_is_not_tried_again(self, engine, prepare):
        case = prepare(BROKEN)
        handle = engine.submit(case.plan)
        eventually(lambda: ended(engine.observe(handle)), "its workers have left")
        failure = case.tree.read("failed.json")
        assert "no words today" in failure["message"]
        assert 'raise ValueError("no words today")' in failure["traceback"]

    def test_what_it_never_heard_of_is_gone_and_may_be_cancelled(self, engine, prepare):
        case = prepare(GATED)
        handle = engine.submit(case.plan)
        nobody = replace(handle, name=f"{handle.name}0")
        earlier = replace(handle, uid=str(uuid.uuid4()))
        for unknown in (nobody, earlier):
            assert engine.observe(unknown).phase is Phase.GONE
            engine.cancel(unknown)
        assert engine.observe(handle).phase is Phase.ACTIVE


def ended(observation: Observation) -> bool:
    assert observation.phase is not Phase.GONE
    return observation.phase is Phase.ENDED


def drained(told: SimpleQueue[str]) -> list[str]:
    jobs = []
    while True:
        try:
            jobs.append(told.get_nowait())
        except Empty:
            return jobs


def submitted_in_the_end(engine: Engine, plan: PlannedJob) -> Handle:
    """Submit as a reconciler does: until the engine takes it."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return engine.submit(plan)
        except EngineError:
            assert time.monotonic() < deadline
            time.sleep(0.2)


def bundled(code: str, file: Path) -> JobSpec:
    """Zip a module with a function `words` and return the spec of counting with it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        bundle.writestr("counting.py", code)
    file.write_bytes(buffer.getvalue())
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    return JobSpec(name="counting", bundle=digest, stages=[StageSpec(Function("counting:words"), Aggregate("Sum"))])
