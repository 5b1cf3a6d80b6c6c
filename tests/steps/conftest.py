"""Small real jobs in a folder, and workers of them in this process or as processes."""

import gzip
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fanfold_steps.inputs.splits import digest, inputs_by_name, list_inputs
from fanfold_steps.job.spec import Aggregate, Function, InputSpec, JobConf, JobSpec, StageSpec
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.worker.loop import Worker
from fanfold_storage.objects.filesystem import FilesystemObjects

WORDCOUNT = StageSpec(Function("fanfold.builtin.wordcount:words"), Aggregate("Sum"))


@dataclass
class SmallJob:
    """A job in a folder: `root/in` is read, `root/out` written, `root/job` is the tree."""

    root: Path

    @property
    def tree(self) -> JobTree:
        return JobTree.open(self.url)

    @property
    def url(self) -> str:
        return (self.root / "job").as_uri() + "/"

    def write_input(self, files: dict[str, bytes]) -> None:
        for name, data in files.items():
            path = self.root / "in" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def create(
        self,
        *stages: StageSpec,
        partitions: int = 2,
        split_size: int = 1024,
        workers: dict[str, int] | None = None,
        memory: int | None = None,
        named: dict[str, InputSpec] | None = None,
        **formats: Any,
    ) -> None:
        """A job over `in/`, or over `in/NAME` for each named input."""
        folder = (self.root / "in").as_uri()
        inputs = {name: [f"{folder}/{name}"] for name in reversed(named)} if named else [f"{folder}/"]
        spec = JobSpec(stages=list(stages or [WORDCOUNT]), inputs=named or {}, **formats)
        conf = JobConf(
            id="test",
            spec=spec,
            inputs=inputs,
            output=(self.root / "out").as_uri() + "/",
            partitions=partitions,
            split_size=split_size,
            workers=workers or {"all": 1},
            inputs_digest=digest(list_inputs(inputs_by_name(spec, inputs))),
            memory=memory,
        )
        assert self.tree.create_conf(conf)

    def start(self, step: str = "all", index: int = 0) -> subprocess.Popen[str]:
        """A worker as a process; it leaves when its standard input closes."""
        command = [sys.executable, "-m", "fanfold_steps", step, "--job", self.url, "--index", str(index)]
        return subprocess.Popen(
            [*command, "--end-with-stdin"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def output(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted((self.root / "out").glob("part-*"))}

    def named(self, name: str) -> dict[str, bytes]:
        """A named output's parts, without their names' suffixes, unpacked."""
        parts = sorted((self.root / "out" / name).iterdir())
        unpack = {".gz": gzip.decompress}
        return {part.name.partition(".")[0]: unpack.get(part.suffix, bytes)(part.read_bytes()) for part in parts}


def function(name: str) -> Function:
    """One of `tests/steps/functions.py`."""
    return Function(f"tests.steps.functions:{name}")


def run(job: SmallJob, *stages: StageSpec, workers: int = 1, **how: Any) -> dict[str, bytes]:
    """The output of a job of these stages, done by workers in turn; the last one comes first."""
    job.create(*stages, workers={"all": workers}, **how)
    for index in reversed(range(workers)):
        Worker(job.tree, "all", index).run()
    return job.output()


@pytest.fixture
def small_job(tmp_path: Path) -> SmallJob:
    return SmallJob(tmp_path)


@pytest.fixture(autouse=True)
def scratch_is_never_synced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody needs a task's scratch after a crash: whoever waits for the disk there fails, in every test."""
    put = FilesystemObjects.put

    def checked(self: FilesystemObjects, key: str, chunks: Iterable[bytes], *, hint: bool = False) -> int:
        assert hint or "fanfold-scratch-" not in str(self._root), f"{key} is synced to the disk"
        return put(self, key, chunks, hint=hint)

    monkeypatch.setattr(FilesystemObjects, "put", checked)


def count_words(files: dict[str, bytes]) -> Counter[str]:
    """The count that every engine is held against: plain Python, whole files."""
    counts: Counter[str] = Counter()
    for data in files.values():
        counts.update(data.decode("utf-8", "surrogateescape").split())
    return counts


def parse_counts(parts: dict[str, bytes]) -> Counter[str]:
    pairs = [
        line.split("\t") for data in parts.values() for line in data.decode("utf-8", "surrogateescape").split("\n")[:-1]
    ]
    return Counter({word: int(count) for word, count in pairs})
