"""What goes wrong in a user's code reaches them: the step, the record's position, their own traceback."""

import re

import pytest

from fanfold_steps.__main__ import main
from fanfold_steps.job.spec import Aggregate, Function, StageSpec
from fanfold_steps.sorting import runs
from fanfold_steps.stage import inputs as stage_inputs
from fanfold_steps.tree.progress import ProgressReader
from fanfold_steps.worker.report import Reporter
from fanfold_storage.errors import Unavailable

HERE = "tests.steps.functions"
SUM = Aggregate("Sum")


def run(job, stage, monkeypatch=None):
    job.create(stage, partitions=1)
    return main(["all", "--job", job.url])


def test_a_mapper_that_raises(small_job, capsys, monkeypatch):
    log = small_job.root / "termination"
    monkeypatch.setenv("FANFOLD_TERMINATION_LOG", str(log))
    small_job.write_input({"a.txt": b"fine\n" * 5, "b.txt": b"fine\r\nmore\nbad\nfine\n"})
    assert run(small_job, StageSpec(Function(f"{HERE}:raises_on_bad"), SUM)) == 64
    failure = small_job.tree.read("failed.json")
    assert failure["kind"] == "mapper"
    assert failure["message"] == "the mapper raised ValueError: this line is bad"
    assert failure["record"] == {"source": (small_job.root / "in/b.txt").as_uri(), "offset": 11, "text": "bad"}
    assert "in raises_on_bad" in failure["traceback"]
    assert "fanfold_steps" not in failure["traceback"]
    assert failure["task"]["step"] == "map"
    for told in (capsys.readouterr().err, log.read_text()):
        assert "this line is bad" in told
        assert "byte 11" in told
    assert small_job.output() == {}


@pytest.mark.parametrize(
    ("mapper", "words"),
    [
        ("returns_number", "returned int: let it yield"),
        ("returns_pair", r"the mapper returned tuple: let it yield \(key, value\) pairs"),
        ("gives_no_pair", r"must emit \(key, value\) pairs, but emitted 'x'"),
        ("gives_two_letters", r"must emit \(key, value\) pairs, but emitted 'ab'"),
        ("returns_dict", r"the mapper returned dict: let it yield \(key, value\) pairs"),
        ("gives_unhashable", "a frozen dataclass or a tuple of these, not list"),
        ("gives_nan_key", "NaN can't be a key"),
        ("gives_text_to_sum", r"Sum\(\) takes int, float, .*, but a value is str \('1'\), for the key 'x'"),
        ("gives_list_to_sum", r"Sum\(\) takes int, float, Decimal, Fraction and timedelta, but a value is list"),
        ("gives_two_kinds_late", "Decimal and float can't be added up"),
        ("gives_equal_number", "not complex"),
        ("gives_deep_tuple", "nested too deeply"),
        ("gives_badly_shown", "Sum.. takes int, float, .* but a value is Odd .<Odd that can't be shown>"),
        ("returns_number_once", "the mapper returned int|TypeError"),
        ("takes_three", "must take one argument, the record, or two, its key and the record"),
        ("not_a_function", "is int, not a function"),
        ("missing", "has no 'missing'"),
    ],
)
def test_what_a_mapper_may_not_give(small_job, mapper, words):
    small_job.write_input({"a.txt": b"x\n"})
    assert run(small_job, StageSpec(Function(f"{HERE}:{mapper}"), SUM)) == 64
    message = small_job.tree.read("failed.json")["message"]
    assert re.search(words, message), message


@pytest.mark.parametrize(
    ("reducer", "words"),
    [
        ("reducer_raises", "the reducer raised KeyError: 'k' (for the key 'k')"),
        ("reducer_returns_text", "the reducer returned str"),
        ("total_returned", "the reducer returned tuple: let it yield records"),
        ("dict_returned", "the reducer returned dict: let it yield records"),
        ("takes_too_many", "the reducer raised StopIteration: where there may be nothing more, give next() a default"),
    ],
)
def test_what_a_reducer_may_not_do(small_job, reducer, words):
    small_job.write_input({"a.txt": b"k 1\n"})
    assert run(small_job, StageSpec(Function(f"{HERE}:pairs"), Function(f"{HERE}:{reducer}"))) == 64
    failure = small_job.tree.read("failed.json")
    assert words in failure["message"]
    assert failure["task"]["step"] == "reduce"
    assert small_job.output() == {}
    assert not list((small_job.root / "out").rglob("*.txt"))


def test_a_generator_that_asks_for_too_much_is_shown_its_line(small_job):
    small_job.write_input({"a.txt": b"k 1\n"})
    assert run(small_job, StageSpec(Function(f"{HERE}:pairs"), Function(f"{HERE}:takes_too_many"))) == 64
    failure = small_job.tree.read("failed.json")
    assert "in takes_too_many" in failure["traceback"]
    assert "next(values) - next(values)" in failure["traceback"]


@pytest.mark.parametrize(
    ("reducer", "words"),
    [("yields_surrogate", "can't be written as text"), ("yields_badly_shown", "no words for it")],
)
def test_a_record_that_cannot_be_written(small_job, reducer, words):
    small_job.write_input({"a.txt": b"k 1\n"})
    assert run(small_job, StageSpec(Function(f"{HERE}:pairs"), Function(f"{HERE}:{reducer}"))) == 64
    failure = small_job.tree.read("failed.json")
    assert words in failure["message"]
    assert not list((small_job.root / "out").rglob("*.txt"))


@pytest.mark.parametrize(
    ("mapper", "shown"),
    [("gives_lambda", r" \(the value <function gives_lambda\.<locals>\.<lambda> at .*>\)"), ("gives_half_pickle", "")],
)
def test_a_value_that_cannot_be_carried(small_job, mapper, shown):
    small_job.write_input({"a.txt": b"x\n"})
    assert run(small_job, StageSpec(Function(f"{HERE}:{mapper}"), Function(f"{HERE}:in_order"))) == 64
    assert re.search(f"Emit plain data, not objects{shown}", small_job.tree.read("failed.json")["message"])


@pytest.mark.parametrize(
    ("combiner", "words"),
    [
        ("total_returned", "the combiner returned tuple"),
        ("yields_text", "must emit (key, value) pairs, but emitted 'text'"),
    ],
)
def test_what_a_combiner_may_not_give(small_job, combiner, words):
    small_job.write_input({"a.txt": b"k 1\n"})
    stage = StageSpec(Function(f"{HERE}:pairs"), Function(f"{HERE}:total"), Function(f"{HERE}:{combiner}"))
    assert run(small_job, stage) == 64
    failure = small_job.tree.read("failed.json")
    assert words in failure["message"]
    assert failure["traceback"] == ""


def test_a_combiner_that_raises(small_job):
    small_job.write_input({"a.txt": b"k 1\n"})
    stage = StageSpec(Function(f"{HERE}:pairs"), Function(f"{HERE}:total"), Function(f"{HERE}:combiner_raises"))
    assert run(small_job, stage) == 64
    failure = small_job.tree.read("failed.json")
    assert failure["kind"] == "combiner"
    assert "combiner broke" in failure["message"]


def test_a_mapper_that_leaves_the_process(small_job):
    small_job.write_input({"a.txt": b"x\n"})
    assert run(small_job, StageSpec(Function(f"{HERE}:exits"), SUM)) == 64
    assert "SystemExit: 3" in small_job.tree.read("failed.json")["message"]


def test_a_failure_is_kept_short_and_printable(small_job):
    small_job.write_input({"a.txt": b"x\n"})
    assert run(small_job, StageSpec(Function(f"{HERE}:raises_at_length"), SUM)) == 64
    failure = small_job.tree.read("failed.json")
    assert len(failure["message"]) < 3000
    assert len(failure["traceback"]) < 20_000
    failure["message"].encode()


def test_a_module_that_cannot_be_imported(small_job):
    small_job.write_input({"a.txt": b"x\n"})
    assert run(small_job, StageSpec(Function("no_such_module:f"), SUM)) == 64
    assert "no_such_module can't be imported" in small_job.tree.read("failed.json")["message"]


def test_an_input_that_vanished_after_planning(small_job):
    small_job.write_input({"a.txt": b"x\n"})
    small_job.create()
    (small_job.root / "in/a.txt").unlink()
    assert main(["all", "--job", small_job.url]) == 64
    assert "an input no longer exists" in small_job.tree.read("failed.json")["message"]


def test_a_file_that_vanished_after_the_split(small_job):
    small_job.write_input({"a.txt": b"x\n", "b.txt": b"y\n"})
    small_job.create()
    assert main(["split", "--job", small_job.url]) == 0
    (small_job.root / "in/b.txt").unlink()
    assert main(["all", "--job", small_job.url]) == 64
    failure = small_job.tree.read("failed.json")
    assert failure["kind"] == "storage"
    assert "b.txt" in failure["message"]


def test_an_input_that_grew_after_planning(small_job):
    small_job.write_input({"a.txt": b"x\n"})
    small_job.create()
    (small_job.root / "in/b.txt").write_text("new")
    assert main(["all", "--job", small_job.url]) == 64
    assert "changed after the job was submitted" in small_job.tree.read("failed.json")["message"]


def test_a_file_that_was_changed_after_the_split(small_job):
    small_job.write_input({"a.txt": b"x\n"})
    small_job.create()
    assert main(["split", "--job", small_job.url]) == 0
    (small_job.root / "in/a.txt").write_text("another")
    assert main(["all", "--job", small_job.url]) == 64
    assert "a.txt was changed after the job began" in small_job.tree.read("failed.json")["message"]


def test_a_store_that_cannot_do_it_is_not_tried_again(small_job):
    small_job.write_input({"a.txt": b"x\n"})
    small_job.create(partitions=1)
    (small_job.root / "out").write_text("a file where the output's folder should be")
    assert main(["all", "--job", small_job.url]) == 64
    assert small_job.tree.read("failed.json")["kind"] == "storage"


@pytest.mark.thorough
def test_every_other_worker_stops_when_one_has_failed(small_job):
    small_job.write_input({"a.txt": b"x\n"})
    small_job.create(workers={"all": 2})
    small_job.tree.create("failed.json", {"task": None, "message": "elsewhere", "record": None, "traceback": ""})
    # A claim nobody will give up: without the failure this worker would wait.
    small_job.tree.create("claims/0-split-00000.json", {"worker": "all-1"})
    process = small_job.start()
    assert process.wait(timeout=20) == 64
    assert "elsewhere" in process.communicate()[1]


@pytest.mark.parametrize(
    "failed",
    [
        b"",
        b'{"message": "cut o',
        b"\xff",
        b"[1]",
        b"[" * 200_000,
        b"{}",
        b'{"message": null, "task": 7, "record": "none", "stages": "two"}',
        b'{"message": ["no"], "task": {"stage": 0}, "record": {"offset": []}, "traceback": [1], "log": {"a": 1}}',
        b'{"message": "said", "task": {"stage": 0, "step": [], "index": {}}, "stages": "two", "traceback": 7}',
    ],
)
def test_whatever_lies_in_failed_json_is_a_failure_that_can_be_told(small_job, capsys, failed):
    assert small_job.tree.failure() is None
    small_job.tree.objects.put("failed.json", [failed])
    failure = small_job.tree.failure()
    assert ProgressReader(small_job.tree).read().failure == failure
    Reporter("all-0").failed(failure)
    assert ("said" if b"said" in failed else "its failed.json can't be read") in capsys.readouterr().err


def test_a_worker_leaves_with_the_process_that_holds_its_input(small_job):
    small_job.write_input({"a.txt": b"x\n"})
    small_job.create(workers={"all": 2})
    small_job.tree.create("claims/0-split-00000.json", {"worker": "all-1"})
    process = small_job.start()
    assert process.poll() is None
    process.stdin.close()
    assert process.wait(timeout=20) == 1
    process.stderr.close()


def test_a_store_that_is_away_while_a_reducer_reads_is_not_the_reducers_fault(small_job, monkeypatch):
    """The worker ends with a status that has it started again, and the job goes on."""
    small_job.write_input({"a.txt": b"k 1\n" * 50_000})
    stage = StageSpec(Function(f"{HERE}:pairs"), Function(f"{HERE}:total"))
    small_job.create(stage, partitions=1, split_size=1 << 20)
    unpack = runs._unpacked
    blocks: list = []

    def away(body):
        """One block comes, then the store is gone: the reducer has the key and asks for more values."""
        if blocks:
            raise Unavailable("the store is away")
        blocks.append(unpack(body))
        return blocks[0]

    with monkeypatch.context() as patch:
        patch.setattr(runs, "_unpacked", away)
        assert main(["all", "--job", small_job.url]) == 1
    assert blocks
    assert small_job.tree.find("failed.json") is None
    assert main(["all", "--job", small_job.url]) == 0
    assert small_job.output() == {"part-00000.txt": b"k\t50000\n"}


@pytest.mark.parametrize("reducer", [SUM, Function(f"{HERE}:listed")], ids=["sum", "function"])
@pytest.mark.parametrize("split_size", [1024, 1 << 20])
@pytest.mark.parametrize(("late", "told"), [("two", "'ab'"), ("set", r"{(1, 'k'|'k', 1)}"), ("dict", "{'k': 1, 2: 3}")])
def test_what_is_no_pair_is_refused_however_late_it_comes(small_job, split_size, reducer, late, told):
    small_job.write_input({"a.txt": b"line\n" * 1000 + late.encode() + b"\n" + b"line\n" * 99})
    small_job.create(
        StageSpec(Function(f"{HERE}:no_pair_late"), reducer),
        partitions=1,
        split_size=split_size,
    )
    assert main(["all", "--job", small_job.url]) == 64
    failure = small_job.tree.read("failed.json")
    assert re.fullmatch(rf"the mapper must emit \(key, value\) pairs, but emitted {told}", failure["message"])
    assert failure["record"]["offset"] == 5000


def test_a_store_that_is_away_while_a_total_order_is_settled_is_no_failure_of_the_job(small_job, monkeypatch):
    small_job.write_input({"a.txt": b"b\na\n" * 50})
    small_job.create(StageSpec(Function(f"{HERE}:literal_lines"), SUM, order="total"), partitions=2)

    def away(*_):
        raise Unavailable("the store is away")

    monkeypatch.setattr(stage_inputs, "find_boundaries", away)
    assert main(["all", "--job", small_job.url]) == 1
    assert small_job.tree.failure() is None
    monkeypatch.undo()
    assert main(["all", "--job", small_job.url]) == 0
