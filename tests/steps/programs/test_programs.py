"""Jobs whose mapper, combiner or reducer is a program: the same bytes whatever the splits and workers."""

import gzip
import json
import os
import random
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.job.formats import JSONL, Text
from fanfold_steps.job.policy import Skip
from fanfold_steps.job.spec import Aggregate, Function, InputSpec, Program, StageSpec
from fanfold_steps.memory.budget import Budget
from fanfold_steps.sorting import spills
from fanfold_steps.tree.task import Task
from fanfold_steps.worker import loop as worker
from fanfold_steps.worker.loop import Worker
from tests.steps.conftest import SmallJob, count_words, function, run

CHANCE = random.Random(5)
WORDS = [b"the", b"of", "naïve".encode(), b"\xff\xfe", b"a\r", b"x\x00y", b"\xe2\x80\xa8"]
TEXTS = {f"{n}.txt": b"\n".join(b" ".join(CHANCE.choices(WORDS, k=9)) for _ in range(120)) for n in range(3)}
TEXTS["empty.txt"] = b""
SPLIT = Program("tr -s ' ' '\\n'")
COUNT = Program("""awk -F'\\t' '
    $1 != key && NR > 1 { print key "\\t" n; n = 0 }
    { key = $1; n += ($2 == "" ? 1 : $2) }
    END { if (NR) print key "\\t" n }'""")
CAT = Program("sh -c cat")  # a real process, where a bare `cat` needs none
CUTS = [(workers, split_size) for workers in (1, 2, 4) for split_size in (1024, 4096, 64 << 20)]


def failure_of(job, *stages, **how):
    with pytest.raises(PermanentFailure):
        run(job, *stages, **how)
    return job.tree.read("failed.json")


def commits(job, step):
    return [job.tree.commit_of(Task(0, step, index)) for index in job.tree.committed(0, step)]


def lines_of(parts):
    return [line for data in parts.values() for line in data.split(b"\n")[:-1]]


def sorted_lines(files):
    return sorted(line for data in files.values() for line in data.removesuffix(b"\n").split(b"\n") if data)


@pytest.mark.parametrize(("workers", "split_size"), CUTS)
@pytest.mark.parametrize("combine", [None, COUNT], ids=["plain", "combined"])
def test_words_are_counted_as_python_counts_them(small_job, workers, split_size, combine):
    files = {name: data.replace(b"\r", b"") for name, data in TEXTS.items()}
    small_job.write_input(files)
    stage = StageSpec(map=SPLIT, reduce=COUNT, combine=combine)
    parts = run(small_job, stage, partitions=3, workers=workers, split_size=split_size)
    counted = count_words({name: data.replace("\u2028".encode(), b"|") for name, data in files.items()})
    expected = {
        word.encode("utf-8", "surrogateescape").replace(b"|", "\u2028".encode()): n for word, n in counted.items()
    }
    assert dict(line.split(b"\t") for line in lines_of(parts)) == {key: b"%d" % n for key, n in expected.items()}
    for part in parts.values():
        keys = [line.split(b"\t")[0] for line in part.split(b"\n")[:-1]]
        assert keys == sorted(keys)


@pytest.mark.parametrize("program", [Program("cat"), CAT], ids=["no process", "a process"])
@pytest.mark.parametrize("split_size", [1024, 64 << 20])
def test_identity_sorts_lines_by_their_bytes(small_job, program, split_size):
    small_job.write_input(TEXTS)
    parts = run(small_job, StageSpec(map=program, reduce=program), partitions=1, split_size=split_size)
    assert lines_of(parts) == sorted_lines(TEXTS)


LINES = st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"\t")), max_size=30)


@pytest.mark.thorough
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LINES, min_size=1, max_size=3), st.booleans())
def test_any_bytes_come_through_a_job(tmp_path_factory, files, ended):
    written = {f"{n}.txt": b"\n".join(lines) + b"\n" * (ended and bool(lines)) for n, lines in enumerate(files)}
    job = SmallJob(tmp_path_factory.mktemp("any"))
    job.write_input(written)
    as_it_is = Text(compress="none")  # any bytes may begin as a packed file does
    parts = run(job, StageSpec(map=CAT, reduce=CAT), partitions=1, split_size=1024, input=as_it_is)
    lines = [line for data in written.values() for line in (data.removesuffix(b"\n").split(b"\n") if data else [])]
    assert lines_of(parts) == sorted(lines, key=lambda line: line.split(b"\t")[0])


@pytest.mark.parametrize("split_size", [1024, 1 << 20])
def test_the_lines_of_a_key_arrive_in_input_order(small_job, split_size):
    small_job.write_input({"a.txt": b"".join(b"k%d\t%d\n" % (n % 3, n) for n in range(900))})
    parts = run(small_job, StageSpec(map=CAT, reduce=CAT), partitions=1, split_size=split_size)
    assert lines_of(parts) == [b"k%d\t%d" % (key, n) for key in range(3) for n in range(key, 900, 3)]


@pytest.mark.parametrize("split_size", [1024, 1 << 20])
def test_a_key_may_be_several_fields(small_job, split_size):
    small_job.write_input({"a.txt": b"b\t2\tx\na\t9\tx\nb\t1\tx\nb\t1\ta\n" * 100})
    stage = StageSpec(map=Program("cat", key_fields=2), reduce=Program("uniq"))
    parts = run(small_job, stage, partitions=1, split_size=split_size)
    assert lines_of(parts)[0] == b"a\t9\tx"
    assert lines_of(parts)[1:3] == [b"b\t1\tx", b"b\t1\ta"]
    assert lines_of(parts)[-1] == b"b\t2\tx"


def test_what_passes_the_memory_is_spilled_and_combined_bit_by_bit(small_job, monkeypatch):
    small_job.write_input({"a.txt": b"".join(b"key%d\n" % (n % 500) for n in range(4000))})
    monkeypatch.setattr("fanfold_steps.programs.process.BLOCK_BYTES", 2000)
    monkeypatch.setattr("fanfold_steps.programs.process.PIPE_BYTES", 2000)
    written, write = [], spills.Spills.write

    def noted(self, segments):
        written.append(len(self))
        write(self, segments)

    monkeypatch.setattr(spills.Spills, "write", noted)
    monkeypatch.setattr(worker, "budget_of", lambda conf: Budget(100_000))
    parts = run(small_job, StageSpec(map=CAT, reduce=COUNT, combine=COUNT), partitions=2, split_size=1 << 20)
    assert len(written) > 3
    assert sorted(lines_of(parts)) == sorted(b"key%d\t8" % n for n in range(500))


@pytest.mark.thorough
def test_a_program_alone_gives_a_part_for_each_split(small_job):
    small_job.write_input(TEXTS)
    parts = run(small_job, StageSpec(map=SPLIT), split_size=2048)
    assert len(parts) == len(commits(small_job, "map")) > 2
    whole = b"".join(data + b"\n" for data in TEXTS.values() if data)
    assert b"".join(parts.values()) == whole.replace(b" ", b"\n")
    assert sum(commit.records for commit in commits(small_job, "map")) == whole.count(b"\n")


def test_programs_write_other_formats_too(small_job):
    small_job.write_input({"a.txt": b"b\t1\na\n"})
    parts = run(small_job, StageSpec(map=CAT, reduce=CAT), partitions=1, output=JSONL())
    assert parts == {"part-00000.jsonl": b'"a"\n"b\\t1"\n'}


def test_compressed_lines_are_unpacked_and_packed(small_job):
    small_job.write_input({"a.txt.gz": gzip.compress(b"b\na\n" * 1000)})
    parts = run(small_job, StageSpec(map=CAT, reduce=CAT), partitions=1, output=Text(compress="gzip"))
    assert gzip.decompress(parts["part-00000.txt.gz"]) == b"a\n" * 1000 + b"b\n" * 1000


def test_a_program_maps_for_a_function_and_an_aggregation(small_job):
    small_job.write_input({"a.txt": b"b 1\na 2\nb 3\nc\n" * 50})
    tabbed = Program("tr ' ' '\\t'")
    parts = run(small_job, StageSpec(map=tabbed, reduce=function("in_order")), partitions=1, split_size=1024)
    assert lines_of(parts) == [
        b"a\t" + b" ".join([b"2"] * 50),
        b"b\t" + b" ".join([b"1", b"3"] * 50),
        b"c\t" + b" " * 49,
    ]


def test_values_of_a_program_s_keys_may_be_sorted_and_keys_sent_where_a_function_says(small_job):
    small_job.write_input({"a.txt": b"b\t2\na\t9\nb\t10\n" * 50})
    stage = StageSpec(
        map=CAT,
        reduce=function("in_order"),
        sort_values=True,
        partition=function("by_first_letter"),
    )
    parts = run(small_job, stage, partitions=2, split_size=1024)
    assert parts == {
        "part-00000.txt": b"a\t" + b" ".join([b"9"] * 50) + b"\n",
        "part-00001.txt": b"b\t" + b" ".join([b"10"] * 50 + [b"2"] * 50) + b"\n",
    }


def test_a_partitioner_is_given_the_bytes_of_a_line_s_key(small_job):
    small_job.write_input({"a.txt": b"b\t2\n\xff\t9\n"})
    stage = StageSpec(map=CAT, reduce=CAT, partition=function("by_spelling"))
    parts = run(small_job, stage, partitions=2)
    assert parts == {"part-00000.txt": b"b\t2\n", "part-00001.txt": b"\xff\t9\n"}


def test_a_program_maps_for_an_aggregation(small_job):
    small_job.write_input({"a.txt": b"b\t1\na\t2\nb\t3\n" * 50})
    assert lines_of(run(small_job, StageSpec(map=CAT, reduce=Aggregate("Count")), partitions=1)) == [
        b"a\t50",
        b"b\t100",
    ]


def test_sums_are_refused_the_texts_that_a_program_writes(small_job):
    small_job.write_input({"a.txt": b"b\t1\n"})
    failure = failure_of(small_job, StageSpec(map=CAT, reduce=Aggregate("Sum")))
    assert "not str" in failure["message"] or "'1'" in failure["message"]
    assert failure["record"]["source"] == "a line that `sh -c cat` wrote"


def test_a_function_maps_for_a_program(small_job):
    small_job.write_input(TEXTS)
    stage = StageSpec(map=Function("fanfold.builtin.wordcount:words"), reduce=COUNT, combine=COUNT)
    parts = run(small_job, stage, partitions=1, split_size=1024)
    counted = {word.encode("utf-8", "surrogateescape"): b"%d" % n for word, n in count_words(TEXTS).items()}
    assert dict(line.split(b"\t") for line in lines_of(parts)) == counted


def test_a_function_s_pair_with_a_line_s_end_in_it_is_told_where(small_job):
    small_job.write_input({"a.txt": b"good\nbad\ngood\n"})
    failure = failure_of(small_job, StageSpec(map=function("breaks_lines_on_bad"), reduce=CAT))
    assert "contains a line break" in failure["message"]
    assert failure["record"]["offset"] == 5


def test_programs_in_several_stages_and_named_inputs(small_job):
    small_job.write_input({"users/u.txt": b"1\tada\n2\tbob\n", "orders/o.txt": b"2\tcup\n1\tpen\n2\ttea\n"})
    inputs = {
        "users": InputSpec(map=Program("sed 's/\\t/\\tU /'")),
        "orders": InputSpec(map=Program("sed 's/\\t/\\tO /'")),
    }
    joined = Program(
        """awk -F'\\t' '$2 ~ /^U/ { name = substr($2, 3) } $2 ~ /^O/ { print name "\\t" substr($2, 3) }'"""
    )
    stages = [StageSpec(reduce=joined), StageSpec(map=CAT, reduce=CAT)]
    parts = run(small_job, *stages, partitions=1, named=inputs)
    assert lines_of(parts) == [b"ada\tpen", b"bob\tcup", b"bob\ttea"]


def test_each_file_has_a_process_that_is_told_which_file_it_is(small_job):
    small_job.write_input({"a.txt": b"x\n", "b/c d.txt": b"x\nx\n", "empty.txt": b""})
    told = Program(f"{sys.executable} -c '{ENVIRONMENT}'", environment={"GREETING": "hello", "TOLD": "map_input_file"})
    parts = run(small_job, StageSpec(map=told), partitions=1, split_size=1 << 20)
    first, second = [json.loads(line) for line in lines_of(parts)]
    folder = (small_job.root / "in").as_uri()
    assert first["map_input_file"] == first["mapreduce_map_input_file"] == f"{folder}/a.txt"
    assert second["map_input_file"].startswith(f"{folder}/b/c")
    assert (second["mapreduce_map_input_start"], second["map_input_length"]) == ("0", "4")
    assert first["mapreduce_job_id"] == first["mapred_job_id"] == first["FANFOLD_JOB"] == "test"
    assert first["mapreduce_task_partition"] == "0"
    assert first["mapreduce_task_ismap"] == "true"
    assert first["mapreduce_task_id"] == "task_test_0_m_000000"
    assert first["mapreduce_task_attempt_id"].startswith("attempt_test_0_m_000000_all-0-")
    assert (first["mapreduce_job_maps"], first["mapreduce_job_reduces"]) == ("1", "0")
    assert first["GREETING"] == "hello"
    assert first["PATH"] == os.environ["PATH"]


ENVIRONMENT = "import json, os; print(json.dumps(dict(os.environ)))"


def counting(name):
    return Program(f"""awk '{{ print; print "reporter:counter:lines,{name},1" > "/dev/stderr" }}'""")


def test_counters_of_committed_attempts_are_kept(small_job):
    small_job.write_input(TEXTS)
    mapped, combined, reduced = map(counting, ("mapped", "combined", "reduced"))
    run(small_job, StageSpec(map=mapped, reduce=reduced, combine=combined), split_size=1024)
    counted: dict[str, int] = {}
    for commit in [*commits(small_job, "map"), *commits(small_job, "reduce")]:
        for name, number in commit.counters.get("lines", {}).items():
            counted[name] = counted.get(name, 0) + number
    lines = sum(data.count(b"\n") + 1 for data in TEXTS.values() if data)
    assert counted == {"mapped": lines, "combined": lines, "reduced": lines}


@pytest.mark.parametrize("by_program", [True, False])
def test_what_is_read_again_is_counted_once(small_job, by_program):
    """A task begins anew after its first bad record; of a program's lines no one is a number that `Sum` takes."""
    small_job.write_input({"a.txt": b"a 1\n" * 300 + b"bad x\n"})
    by_function = StageSpec(Function("tests.steps.skipping:numbers"), CAT, counting("combined"))
    stage = StageSpec(counting("mapped"), Aggregate("Sum")) if by_program else by_function
    small_job.create(stage, partitions=1, split_size=1 << 20, on_error=Skip(at_most=1))
    Worker(small_job.tree, "all", 0).run()
    counted = {"mapped": 301} if by_program else {"combined": 300, "good": 300}
    assert small_job.tree.report().counters["lines"] == counted


@pytest.mark.parametrize("role", ["mapper", "combiner", "reducer"])
def test_a_program_that_fails_fails_the_job(small_job, role):
    small_job.write_input({"a.txt": b"a\nb\n"})
    bad = Program("sh -c 'cat >/dev/null; echo the reason >&2; exit 3'")
    parts = {"mapper": CAT, "combiner": CAT, "reducer": CAT, role: bad}
    failure = failure_of(small_job, StageSpec(map=parts["mapper"], reduce=parts["reducer"], combine=parts["combiner"]))
    assert failure["kind"] == role
    assert failure["message"].startswith(
        f"the {role} `sh -c 'cat >/dev/null; echo the reason >&2; exit 3'` ended with status 3"
    )
    assert failure["traceback"] == "the reason"
    assert (f"over {(small_job.root / 'in' / 'a.txt').as_uri()}, bytes 0 to 4" in failure["message"]) == (
        role == "mapper"
    )
    assert failure["task"]["step"] == ("reduce" if role == "reducer" else "map")
    assert small_job.output() == {}


def test_a_program_that_is_not_there_fails_the_job(small_job):
    small_job.write_input({"a.txt": b"a\n"})
    failure = failure_of(small_job, StageSpec(map=Program("no-such-program"), reduce=CAT))
    assert "there is no program 'no-such-program'" in failure["message"]
    assert "for pods, in their image" in failure["message"]


def test_a_reducer_may_read_nothing(small_job):
    small_job.write_input({"a.txt": b"a line\n" * 100_000})
    assert lines_of(
        run(small_job, StageSpec(map=CAT, reduce=Program("echo done")), partitions=2, split_size=1 << 20)
    ) == [
        b"done",
        b"done",
    ]


def test_a_part_without_lines_has_a_reducer_too(small_job):
    small_job.write_input({"a.txt": b""})
    assert lines_of(run(small_job, StageSpec(map=CAT, reduce=Program("wc -l")), partitions=2)) == [b"0", b"0"]


def test_broken_input_is_told_as_such_and_not_as_the_program_s_fault(small_job):
    small_job.write_input({"a.gz": b"\x1f\x8b\x08 no gzip"})
    failure = failure_of(small_job, StageSpec(map=CAT, reduce=CAT))
    assert failure["kind"] == "input"
    assert "is not a valid gzip file" in failure["message"]
