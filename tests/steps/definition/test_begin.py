"""The first worker of a job that plans itself: what it takes from the Workflow, and what it refuses."""

import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fanfold import builtin
from fanfold_steps.crash_points import arm
from fanfold_steps.definition import begin as begin_module
from fanfold_steps.definition.begin import begin, job_id
from fanfold_steps.definition.definition import Arguments, Definition, places
from fanfold_steps.definition.marker import FOLDER
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.job.spec import JobSpec
from fanfold_steps.outputs.place import check_output
from fanfold_steps.tree.failed import Failure
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.left import clear_if_left, leave
from fanfold_steps.tree.plan import Plan
from fanfold_steps.worker.loop import Worker
from tests import crash_points

WORDCOUNT = Definition(builtin.find("wordcount"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.txt").write_text("one two two\n" * 100)
    return tmp_path


def arguments_in(folder: Path, **changes: Any) -> Arguments:
    arguments = Arguments("team/words-x7k2p/the-uid", "1764000000", [f"file://{folder}/in/"], f"file://{folder}/out")
    return replace(arguments, **changes)


def refused(definition: Definition, arguments: Arguments) -> str:
    with pytest.raises(PermanentFailure) as failure:
        begin(definition, arguments, "all-0")
    return failure.value.message


def test_all_pods_of_a_run_agree_and_no_others(folder: Path) -> None:
    arguments = arguments_in(folder)
    again = Definition.from_text(WORDCOUNT.to_text())
    assert job_id(again, arguments_in(folder)) == job_id(WORDCOUNT, arguments)
    others = [
        job_id(WORDCOUNT, replace(arguments, workflow="team/words-x7k2p/another-uid")),
        job_id(WORDCOUNT, replace(arguments, output=f"file://{folder}/out2")),
        job_id(WORDCOUNT, replace(arguments, params=["k=1"])),
        job_id(replace(WORDCOUNT, spec=builtin.find("topk")), arguments),
    ]
    assert len({*others, job_id(WORDCOUNT, arguments)}) == 5
    assert job_id(WORDCOUNT, replace(arguments, created="1764000001")) > job_id(WORDCOUNT, arguments)


def test_the_tree_begins_with_what_the_input_asks_for(folder: Path) -> None:
    (folder / "in/large").write_bytes(b"")
    os.truncate(folder / "in/large", 300 << 20)
    conf = begin(WORDCOUNT, arguments_in(folder, workers="4"), "split-0").conf()
    assert (conf.partitions, conf.split_size) == (3, 300 * (1 << 20) // 8 + 150)
    assert conf.workers == {"split": 1, "map": 4, "reduce": 4}
    assert conf.output == f"file://{folder}/out/"


def test_a_worker_that_comes_later_takes_what_is_there(folder: Path) -> None:
    first = begin(WORDCOUNT, arguments_in(folder), "all-0").conf()
    (folder / "in/b.txt").write_text("more\n")
    assert begin(WORDCOUNT, arguments_in(folder), "map-3").conf() == first


def test_without_the_first_worker_another_one_plans(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(begin_module, "PATIENCE_SECONDS", 0.2)
    assert begin(WORDCOUNT, arguments_in(folder, workers="2"), "reduce-1").conf().workers["map"] == 2


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no number of workers": ({"workers": "many"}, "workers must be between 1 and 400, not 'many'"),
    "too many workers": ({"workers": "401"}, "workers must be between 1 and 400"),
    "no workers": ({"workers": "0"}, "workers must be between 1 and 400"),
    "no number of partitions": ({"partitions": "-1"}, "partitions must be between 1 and 10,000 or auto, not '-1'"),
    "a path": ({"inputs": ["texts/"]}, "the input 'texts/' is not a URL that pods can reach"),
    "an output that is no URL": ({"output": "counts"}, "the output 'counts' is not a URL"),
    "a variable that Argo doesn't know": ({"output": "s3://b/{{workflow.day}}/"}, "Argo has left a variable"),
    "a name that the job hasn't": ({"inputs": ["users=file:///x"]}, "the job's input has no name"),
    "no input": ({"inputs": [""]}, "the job has no input"),
    "an option as a value": ({"output": "--help"}, "is not a URL"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_values_that_make_no_sense_are_refused(folder: Path, what: str) -> None:
    changes, why = REFUSED[what]
    assert why in refused(WORDCOUNT, arguments_in(folder, **changes))
    assert not (folder / "out").exists()


def test_places_are_refused_as_fanfold_run_refuses_them(folder: Path) -> None:
    missing = arguments_in(folder, inputs=[f"file://{folder}/nothing/"])
    assert "doesn't exist, or is a folder without files" in refused(WORDCOUNT, missing)
    within = arguments_in(folder, output=f"file://{folder}/in/out")
    assert "lies in the input" in refused(WORDCOUNT, within)
    (folder / "out").mkdir()
    (folder / "out/part-00000.txt").write_text("")
    assert "already exists (it contains part-00000.txt)" in refused(WORDCOUNT, arguments_in(folder))


def test_another_jobs_tree_is_left_alone(folder: Path) -> None:
    conf = begin(WORDCOUNT, arguments_in(folder), "all-0").conf()
    other = arguments_in(folder, workflow="team/words-zzzzz/another-uid")
    assert "holds an unfinished run of another job" in refused(WORDCOUNT, other)
    assert JobTree.open(f"file://{folder}/out/_job/").conf() == conf


def test_a_done_output_is_an_input_in_spite_of_its_tree(folder: Path) -> None:
    Worker(begin(WORDCOUNT, arguments_in(folder), "all-0"), "all", 0).run()
    assert (folder / "out/_job/job.json").exists()
    second = arguments_in(folder, inputs=[f"file://{folder}/out/"], output=f"file://{folder}/second")
    tree = begin(WORDCOUNT, second, "all-0")
    Worker(tree, "all", 0).run()
    assert (folder / "second/part-00000.txt").read_text() == "100\t1\n200\t1\none\t1\ntwo\t1\n"


def test_in_a_store_a_failure_to_begin_is_in_the_tree_and_forgotten_when_retried(folder: Path) -> None:
    definition = replace(WORDCOUNT, store=f"file://{folder}/store/")
    arguments = arguments_in(folder, inputs=[f"file://{folder}/late/"])
    refused(definition, arguments)
    tree = JobTree.open(f"file://{folder}/store/jobs/{job_id(definition, arguments)}/")
    assert tree.failure()
    (folder / "late").mkdir()
    (folder / "late/a.txt").write_text("a\n")
    begin(definition, arguments, "all-0")
    assert tree.failure() is None
    assert [path.name for path in (folder / "store" / FOLDER).glob("*.json")] == [
        f"{job_id(definition, arguments)}.json"
    ]


def test_only_a_worker_that_has_seen_the_failure_clears_it(folder: Path) -> None:
    tree = begin(WORDCOUNT, arguments_in(folder), "all-0")
    tree.fail(Failure("first"))
    clear_if_left(tree, "map-1")
    assert tree.failure() == Failure("first")
    leave(tree, "map-1")
    tree.objects.delete("failed.json")
    tree.fail(Failure("second"))
    clear_if_left(tree, "map-1")
    assert tree.failure() == Failure("second")
    leave(tree, "map-1")
    clear_if_left(tree, "map-1")
    assert tree.failure() is None


def forked(action: Callable[[], object]) -> int:
    pid = os.fork()
    if not pid:
        status = 99
        try:
            action()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("write", [write for write in crash_points.writes() if write.startswith("begin.")])
def test_killed_at_a_write_the_next_process_begins_the_job(folder: Path, write: str, when: str) -> None:
    definition = replace(WORDCOUNT, store=f"file://{folder}/store/")
    arguments = arguments_in(folder)
    if write == "begin.retry":
        tree = begin(definition, arguments, "all-0")
        tree.fail(Failure("first"))
        leave(tree, "all-0")

    def killed() -> None:
        arm(f"{write}.{when}")
        begin(definition, arguments, "all-0")

    assert forked(killed) == -signal.SIGKILL
    tree = begin(definition, arguments, "all-0")
    assert tree.failure() is None
    Worker(tree, "all", 0).run()
    assert tree.report()
    assert [path.stem for path in (folder / "store" / FOLDER).glob("*.json")] == [tree.conf().id]


def test_a_definition_of_another_version_is_refused() -> None:
    data = json.loads(WORDCOUNT.to_text())
    for text in ("", "[]", json.dumps({**data, "version": 2}), json.dumps({**data, "new": 1})):
        with pytest.raises(PermanentFailure, match="with the version of Fanfold that the pods' image has"):
            Definition.from_text(text)


def test_a_definition_is_the_same_after_a_pod_has_read_it() -> None:
    hostile = Definition(JobSpec(name='{{workflow.name}} {{{{ }} "\\u007b\n', stages=WORDCOUNT.spec.stages), owner="é")
    assert "{{" not in hostile.to_text()
    assert Definition.from_text(hostile.to_text()) == hostile


def test_places_are_separated_where_a_url_begins() -> None:
    assert places(" s3://b/a,b ,s3://b/c d\nfile:///x ") == ["s3://b/a,b", "s3://b/c d", "file:///x"]


def test_ten_thousand_splits_are_planned_by_the_first_worker(folder: Path) -> None:
    (folder / "in/large.txt").write_bytes(b"0123456\n" * 1_280_000)
    tree = begin(replace(WORDCOUNT, split_size=1024), arguments_in(folder, workers="2"), "split-0")
    Worker(tree, "split", 0).run()
    assert Plan.load(tree).tasks[0]["map"] > 10_000


def test_a_slow_worker_takes_parts_of_its_own_job_for_no_other_ones(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another worker has begun the job, and even finished it, since this one looked."""

    def check_later(url: str) -> None:
        monkeypatch.setattr(begin_module, "check_output", check_output)
        Worker(begin(WORDCOUNT, arguments_in(folder), "all-0"), "all", 0).run()
        check_output(url)

    monkeypatch.setattr(begin_module, "check_output", check_later)
    assert begin(WORDCOUNT, arguments_in(folder), "all-0").report()
