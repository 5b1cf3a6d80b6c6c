"""What attempts leave in a job's tree is read back as it was written, or refused in a sentence that names the file."""

import json

import pytest

from fanfold_steps.__main__ import main
from fanfold_steps.failure.permanent import Position
from fanfold_steps.tree.commit import Commit, FirstBad, Part, Skipped, Written
from fanfold_steps.tree.failed import Failure
from fanfold_steps.tree.plan import Plan
from fanfold_steps.tree.progress import ProgressReader
from fanfold_steps.tree.report import OutputReport, Report, ReportedPart
from fanfold_steps.tree.task import Task
from fanfold_steps.tree.typed import Malformed
from fanfold_steps.tree.version import TREE_VERSION, OtherVersion
from fanfold_steps.tree.ways import Way
from fanfold_steps.worker import exits
from fanfold_steps.worker.loop import Worker
from tests.json_changes import changes_of

PART = Part("part-00000.txt", "a handle", 3, 40, "ab" * 32)
COMMIT = Commit(
    attempt="all-0-1",
    records=7,
    bytes=90,
    read=100,
    counters={"words": {"long": 3}},
    parts=(PART,),
    named={"rejects": Written(1, 2, (PART,)), "none": Written(0, 0)},
    side_records=17,
    keys=4,
    skipped=Skipped(2, "quarantine/a.jsonl", FirstBad("the key 'a'", "it is bad", "")),
    seconds=0.25,
    worker="all-0",
)
TASK = Task(0, "map", 0)
SOUND = {"attempt": "a", "records": 1, "bytes": 2}


def as_read(written):
    return json.loads(json.dumps(written.to_json()))


def test_each_comes_back_as_it_was_written():
    assert Commit.from_json(as_read(COMMIT), "u") == COMMIT
    least = Commit("a", 0, 0)
    assert Commit.from_json(as_read(least), "u") == least
    failure = Failure("m", "mapper", "trace", Position("file:///a", None, "text"), TASK, 2, "log")
    assert Failure.from_json(as_read(failure)) == failure
    assert Failure.from_json(as_read(Failure("m"))) == Failure("m")
    output = OutputReport((ReportedPart("p", 1, 2, "ab"),), 1, 2)
    report = Report("id", output.parts, 1, 2, {"rejects": output}, 0, {"words": {"long": 3}})
    assert Report.from_json(as_read(report), "u") == report
    assert list(report.to_json()) == ["job", "parts", "records", "bytes", "outputs", "skipped", "counters"]
    assert list(Report("id", (), 0, 0).manifest()) == ["job", "parts", "records", "bytes"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"records": "7"}, "`records` is '7', not an integer"),
        ({"records": True}, "`records` is True, not an integer"),
        ({"records": 1.0}, "`records` is 1.0, not an integer"),
        ({"seconds": None}, "`seconds` is None, not a number"),
        ({"attempt": None}, "`attempt` is None, not a string"),
        ({"counters": {"a": {"b": "c"}}}, "`counters.a.b` is 'c', not an integer"),
        ({"counters": []}, "`counters` is [], not an object"),
        ({"parts": {}}, "`parts` is {}, not an array"),
        ({"parts": [{"name": "p"}]}, "`parts[0].handle` is missing"),
        ({"skipped": {"count": 1, "key": "k", "first": 7}}, "`skipped.first` is 7, not an object"),
        ({"named": {"a": {"records": 1}}}, "`named.a.bytes` is missing"),
    ],
)
def test_a_commit_of_wrong_types_is_refused_by_name(small_job, change, words):
    small_job.tree.create(TASK.commit, {"version": TREE_VERSION, **SOUND, **change})
    with pytest.raises(Malformed) as refused:
        small_job.tree.commit_of(TASK)
    message = str(refused.value)
    assert words in message and "stage-0/map/commits/00000.json isn't what Fanfold writes there" in message
    assert "start the job over" in message and "\n" not in message


def test_what_a_commit_says_beyond_its_fields_is_passed_over_and_defaults_may_be_missing(small_job):
    small_job.tree.create(TASK.commit, {"version": TREE_VERSION, **SOUND, "more": 1})
    assert small_job.tree.commit_of(TASK) == Commit("a", 1, 2)


@pytest.mark.parametrize("data", [b"", b"no JSON", b"[" * 100_000, b"[]", b"7"])
def test_a_commit_that_is_no_object_is_refused(small_job, data):
    small_job.tree.objects.put(TASK.commit, [data])
    with pytest.raises((Malformed, OtherVersion), match=r"00000\.json"):
        small_job.tree.commit_of(TASK)


@pytest.mark.parametrize("found", [{"a": 1}, {"version": TREE_VERSION, "spec": 7}, {"version": TREE_VERSION}])
def test_a_plan_that_is_none_ends_the_job_in_words(small_job, capsys, found):
    small_job.write_input({"a.txt": b"a\n"})
    small_job.create()
    small_job.tree.create("plan.json", found)
    assert main(["all", "--job", small_job.url]) == exits.FAILED
    assert "plan.json" in capsys.readouterr().err


@pytest.mark.thorough
@pytest.mark.parametrize(("key", "read"), [("plan.json", Plan.load), (TASK.commit, lambda tree: tree.commit_of(TASK))])
def test_whatever_somebody_changed_in_a_file_of_the_tree_is_refused_or_read(small_job, key, read):
    small_job.write_input({"a.txt": b"a b\n"})
    small_job.create()
    Worker(small_job.tree, "map", 0).run()
    data, refused = small_job.tree.read(key), 0
    for change in changes_of(data):
        small_job.tree.objects.put(key, [json.dumps(change).encode()])
        try:
            read(small_job.tree)
        except (Malformed, OtherVersion) as error:
            assert key in str(error)
            refused += 1
    assert refused > len(data)


@pytest.mark.parametrize("key", ["job.json", "plan.json", TASK.commit])
@pytest.mark.parametrize("version", [None, TREE_VERSION + 1])
def test_a_tree_of_another_version_is_refused_and_left_alone(small_job, capsys, key, version):
    small_job.write_input({"a.txt": b"a b\n"})
    small_job.create()
    Worker(small_job.tree, "map", 0, in_order=True).run()
    found = small_job.tree.read(key)
    found.pop("version")
    found |= {"version": version} if version else {}
    small_job.tree.objects.delete(key)
    small_job.tree.create(key, found)
    before = sorted(stat.key for stat in small_job.tree.objects.list() if not stat.key.startswith(("logs", "workers")))
    assert main(["all", "--job", small_job.url]) == exits.FAILED
    told = capsys.readouterr().err
    assert "begun by another version of Fanfold" in told and key in told
    assert "finish it with that version, or start over: with --overwrite, or by submitting the job again" in told
    after = sorted(stat.key for stat in small_job.tree.objects.list() if not stat.key.startswith(("logs", "workers")))
    assert not {*after} - {*before} - {stat for stat in after if stat.startswith("claims/")}
    if key != "job.json":
        progress = ProgressReader(small_job.tree).read()
        assert progress.state == "failed" and progress.failure
        assert "begun by another version" in progress.failure.message


def test_the_plan_says_in_which_way_each_input_and_step_is_done(small_job):
    small_job.write_input({"a.txt": b"a b\n"})
    small_job.create()
    Worker(small_job.tree, "split", 0).run()
    assert small_job.tree.read("plan.json")["ways"] == [{"map": {"": "records"}, "reduce": "records"}]
    assert {way.value for way in Way} == {"records", "columnar", "lines", "line-columns", "tables", "programs"}
