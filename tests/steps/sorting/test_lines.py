"""The sort of lines: as Python sorts bytes, whatever the bytes, the cuts, the workers and the memory."""

import gzip
import random
import subprocess
import sys
import tempfile
import tracemalloc
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanfold_steps.job.formats import Text
from fanfold_steps.job.spec import SortLines, StageSpec
from fanfold_steps.lines import join, split
from fanfold_steps.lines.merge import merged
from fanfold_steps.lines.runs import Blocks, RunWriter, read_segments
from fanfold_steps.memory.budget import MIB, Budget
from fanfold_steps.sorting.framed import CorruptRun
from fanfold_steps.tasks import choosing
from fanfold_steps.tasks import split as split_step
from fanfold_steps.tree.plan import Plan
from fanfold_steps.tree.ways import Way
from fanfold_steps.worker import loop as worker
from fanfold_steps.worker.loop import Worker
from fanfold_storage.objects.filesystem import FilesystemObjects
from tests.steps.conftest import SmallJob, run

STAGE = StageSpec(reduce=SortLines())
WAYS = [Way.LINES, Way.LINE_COLUMNS]
ODD = st.sampled_from([b"a\r", b"\x01", b"x\x01", b'"', "é".encode(), b""])
LINES = st.lists((st.binary(max_size=6) | ODD).map(lambda line: line.replace(b"\n", b"\r")), max_size=30)


def text_of(lines):
    return b"".join(line + b"\n" for line in lines)


def ran(job, way=Way.LINES, **how):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choosing, "WORTH_BYTES", 0 if way == Way.LINE_COLUMNS else 1 << 40)
        patch.setattr(choosing, "WORTH_MEMORY", 0)
        parts = run(job, STAGE, **how)
    assert Plan.load(job.tree).ways[0].reduce == way
    return parts


@pytest.mark.thorough
@given(st.lists(LINES, min_size=1, max_size=3), st.booleans(), st.integers(1, 5), st.sampled_from(WAYS))
@settings(max_examples=60, deadline=None)
def test_lines_of_any_bytes_come_out_sorted(files, ended, partitions, way):
    with tempfile.TemporaryDirectory() as folder:
        job = SmallJob(Path(folder))
        texts = [b"\n".join(lines) + (b"\n" if ended and lines else b"") for lines in files]
        job.write_input({f"{number}.txt": text for number, text in enumerate(texts)})
        parts = ran(job, partitions=partitions, way=way, input=Text(compress="none"))  # whatever the bytes look like
    expected = sorted(line for text in texts for line in text.removesuffix(b"\n").split(b"\n") if text)
    assert b"".join(parts.values()) == b"".join(line + b"\n" for line in expected)
    assert len(parts) == partitions


@pytest.mark.thorough
def test_the_parts_are_the_same_whatever_the_cuts_the_workers_and_the_memory(tmp_path, monkeypatch):
    chance = random.Random(5)
    lines = [chance.randbytes(chance.choice([0, 3, 40, 900])).replace(b"\n", b"") for _ in range(200)] + [b"same"] * 99
    chance.shuffle(lines)
    texts = {"a.txt": text_of(lines[:200]), "b.txt.gz": gzip.compress(text_of(lines[200:]))}
    found = set()
    cases = product((1, 2, 4), (2048, 1 << 18), (1 << 14, 64 << 20), WAYS)
    for number, (workers, split_size, share, way) in enumerate(cases):
        monkeypatch.setattr(worker, "budget_of", lambda conf, share=share: Budget(share))
        job = SmallJob(tmp_path / str(number))
        job.write_input(texts)
        found.add(tuple(ran(job, workers=workers, way=way, split_size=split_size, partitions=4).values()))
    (parts,) = found
    assert b"".join(parts) == text_of(sorted(lines))
    assert len([part for part in parts if part]) == 4


@pytest.mark.thorough
@pytest.mark.parametrize("planned", [64 << 10, 1 << 30])
def test_who_goes_on_in_other_memory_goes_the_way_that_was_planned(small_job, monkeypatch, planned):
    monkeypatch.setattr(choosing, "WORTH_BYTES", 0)
    small_job.write_input({"a.txt": b"b\na\n" * 40_000})
    small_job.create(STAGE, partitions=2, workers={"all": 1})
    monkeypatch.setattr(split_step, "budget_of", lambda conf: Budget(planned))
    Worker(small_job.tree, "split", 0).run()
    assert Plan.load(small_job.tree).ways[0].reduce == WAYS[planned > MIB]
    monkeypatch.setattr(worker, "budget_of", lambda conf: Budget((1 << 30) if planned < MIB else 64 << 10))
    Worker(small_job.tree, "all", 0).run()
    assert b"".join(small_job.output().values()) == b"a\n" * 40_000 + b"b\n" * 40_000


def test_packed_parts(tmp_path):
    job = SmallJob(tmp_path)
    job.write_input({"a.txt": b"b\na\n"})
    job.create(STAGE, partitions=1, output=Text(compress="gzip"))
    Worker(job.tree, "all", 0).run()
    assert gzip.decompress(job.output()["part-00000.txt.gz"]) == b"a\nb\n"


def test_merging_holds_a_block_of_each_segment(tmp_path):
    store = FilesystemObjects(tmp_path)
    lines = [f"{number:08d}" + "x" * 92 for number in range(40_000)]
    segments: list = []
    for number in range(8):
        writer, blocks = RunWriter(1), Blocks(16 << 10)
        size = store.put(f"{number}", [*writer.piece([blocks.of(lines[number::8])]), writer.end()])
        segments += [map(split, blocks) for blocks in read_segments(store, f"{number}", size, 0)]
    tracemalloc.start()
    assert sum(len(some) for some in merged(segments)) == len(lines)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 3 * MIB  # the store reads by the MiB


@pytest.mark.parametrize("at", [12, -30, -2])
def test_a_changed_byte_is_noticed(tmp_path, at):
    store = FilesystemObjects(tmp_path)
    writer, blocks = RunWriter(1), Blocks(1024)
    size = store.put("run", [*writer.piece([blocks.of(["a", "b" * 100])]), writer.end()])
    data = bytearray((tmp_path / "run").read_bytes())
    data[at] ^= 1
    (tmp_path / "run").write_bytes(data)
    with pytest.raises(CorruptRun):
        [list(segment) for segment in read_segments(store, "run", size, 0)]


@given(st.binary())
def test_splitting_and_joining_only_ends_the_last_line(data):
    assert join(split(data)) == (data if data.endswith(b"\n") or not data else data + b"\n")


@pytest.mark.thorough
def test_polars_gets_what_it_reserves(tmp_path):
    """It aborts, or waits for ever, where it gets none: the limit by which mappers learn of theirs isn't for it."""
    (tmp_path / "sort.py").write_text(
        "import resource\n"
        "from fanfold_steps.formats.polars_import import load_polars\n"
        "from fanfold_steps.memory.process import limit_memory\n"
        "limit_memory(16 << 20)\n"
        "assert resource.getrlimit(resource.RLIMIT_DATA)[0] == 1 << 30\n"
        "load_polars('sorts')\n"
        "from fanfold_steps.lines.column import LineColumn\n"
        "data = b''.join(b'%d of many lines\\n' % (number * 7919 % 1000003) for number in range(1000003))\n"
        "assert sum(map(len, LineColumn.of([data] * 3).sorted().text(1 << 20))) == 3 * len(data)\n"
    )
    subprocess.run([sys.executable, tmp_path / "sort.py"], check=True, timeout=60)
