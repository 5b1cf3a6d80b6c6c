"""`/v1/jobs/{id}/tasks` and `/explain`: while a job runs and afterwards, with bounded work for each page."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fanfold_steps.tree.commit import Commit
from fanfold_steps.tree.job_tree import JobTree
from fanfold_steps.tree.progress import Progress, ProgressReader
from fanfold_steps.tree.task import Task
from fanfold_steps.tree.version import TREE_VERSION
from fanfold_submit.watching import trees
from fanfold_submit.watching.trees import WatchedTree
from tests.submit_api.conftest import Site, User
from tests.submit_api.engine import ScriptedEngine
from tests.waiting import poll

MANY = 10_000


def begun(user: User, engine: ScriptedEngine) -> str:
    job_id: str = user.submit().json()["id"]
    poll(lambda: job_id in engine.crews)
    return job_id


def tasks(user: User, job_id: str, **query: Any) -> dict[str, Any]:
    answer = user.http.get(f"/v1/jobs/{job_id}/tasks", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def findings(user: User, job_id: str) -> list[dict[str, str]]:
    answer = user.http.get(f"/v1/jobs/{job_id}/explain")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, str]] = answer.json()["findings"]
    return found


def tree_of(site: Site, job_id: str) -> JobTree:
    return JobTree.open(f"{site.store_url}jobs/{job_id}/")


def beat(tree: JobTree, worker: str, task: Task | None, **fields: Any) -> None:
    at = {"stage": task.stage, "step": task.step, "index": task.index} if task else {}
    tree.objects.put(f"workers/{worker}.json", [json.dumps({"beat": 1, **at, **fields}).encode()])


def test_each_task_tells_what_it_did_or_does(site: Site, ada: User, scripted: ScriptedEngine) -> None:
    job_id = begun(ada, scripted)
    assert tasks(ada, job_id) == {"items": [], "cursor": None, "left_out": 0}, "nothing is planned yet"
    tree = tree_of(site, job_id)
    scripted.work(job_id, 1, planned=4)
    done = Commit("a", records=5, bytes=7, read=9, seconds=2.5, worker="map-0", host="pod-0", attempts=2, spills=3)
    tree.commit(Task(0, "map", 2), done)
    beat(tree, "map-1", Task(0, "map", 3), host="pod-1", since=1000.0, status="reading", attempts=1)
    beat(tree, "map-2", None)
    found = poll(lambda: (page := tasks(ada, job_id)["items"]) and page[1]["index"] == 2 and page)
    running, committed, fast, *waiting = found
    assert {name: running[name] for name in ("index", "state", "worker", "host", "status")} == {
        "index": 3, "state": "running", "worker": "map-1", "host": "pod-1", "status": "reading"
    }  # fmt: skip
    told = {"seconds": 2.5, "records": 5, "bytes_in": 9, "bytes_out": 7, "attempts": 2, "spills": 3, "host": "pod-0"}
    assert {name: committed[name] for name in told} == told
    assert fast["index"] == 0
    assert [(task["step"], task["index"], task["state"], task["seconds"]) for task in waiting] == [
        ("map", 1, "waiting", None), ("reduce", 0, "waiting", None)
    ]  # fmt: skip
    assert [task["index"] for task in tasks(ada, job_id, state="committed", sort="index")["items"]] == [0, 2]
    assert [task["step"] for task in tasks(ada, job_id, step="reduce")["items"]] == ["reduce"]


def test_a_failed_job_tells_where_and_keeps_what_its_tasks_did(site: Site, ada: User, scripted: ScriptedEngine) -> None:
    job_id = begun(ada, scripted)
    scripted.fail(job_id)
    scripted.end(job_id)
    ada.wait(job_id, "failed")
    poll(lambda: tree_of(site, job_id).find("tasks.json"))
    assert [(task["index"], task["state"]) for task in tasks(ada, job_id, step="map")["items"]] == [(0, "committed")]
    said = findings(ada, job_id)
    assert said[0]["code"] == "failed"
    assert "at map/1: the mapper raised E." in said[0]["message"]
    assert "--task map/1" in said[0]["change"]


def test_a_cancelled_job_keeps_what_its_tasks_did(site: Site, ada: User, scripted: ScriptedEngine) -> None:
    job_id = begun(ada, scripted)
    scripted.work(job_id, 2, planned=3)
    poll(lambda: len(tasks(ada, job_id, state="committed")["items"]) == 2)
    ada.http.post(f"/v1/jobs/{job_id}/cancel")
    ada.wait(job_id, "cancelled")
    poll(lambda: tree_of(site, job_id).find("tasks.json"))
    assert [task["state"] for task in tasks(ada, job_id, sort="index", step="map")["items"]] == [
        "committed", "committed", "waiting"
    ]  # fmt: skip


def test_others_see_nothing_and_forged_queries_are_refused(site: Site, ada: User, scripted: ScriptedEngine) -> None:
    job_id = begun(ada, scripted)
    bob = site.user("bob")
    for path in ("tasks", "explain"):
        assert bob.http.get(f"/v1/jobs/{job_id}/{path}").status_code == 404
    for query, status in [("cursor=x", 400), ("sort=age", 422), ("limit=0", 422), ("limit=9999", 422), ("step=x", 422)]:
        assert ada.http.get(f"/v1/jobs/{job_id}/tasks?{query}").status_code == status


@pytest.mark.parametrize("content", [b"", b"5", b'{"steps": 5}', b"[" * 100_000, b'{"steps": [], "heavy": [{}]}'])
def test_a_table_that_was_changed_is_made_anew_from_the_commits(
    site: Site, ada: User, scripted: ScriptedEngine, content: bytes
) -> None:
    job_id = begun(ada, scripted)
    scripted.finish(job_id)
    scripted.end(job_id)
    ada.wait(job_id)
    poll(lambda: not site.apps[0].app.state.service.jobs.queue()[0])  # what is half-written is swept until then
    tree_of(site, job_id).objects.put("tasks.json", [content])
    assert len(tasks(ada, job_id, state="committed")["items"]) == 3
    assert findings(ada, job_id)[0]["code"] == "nothing"


def test_heartbeats_that_are_none_harm_nobody(site: Site, ada: User, scripted: ScriptedEngine) -> None:
    job_id = begun(ada, scripted)
    scripted.work(job_id, 1, planned=2)
    tree = tree_of(site, job_id)
    for number, content in enumerate([b"", b"[]", b'{"stage": "x"}', b'{"stage": 0, "step": "map", "index": 1e99}']):
        tree.objects.put(f"workers/map-{number}.json", [content])
    beat(tree, "map-9", Task(0, "map", 1), host="h", since=-1e18, status="s" * 100_000)
    found = poll(lambda: tasks(ada, job_id, state="running")["items"])
    assert [task["worker"] for task in found] == ["map-9"]
    assert len(found[0]["status"]) < 1000


@pytest.mark.thorough
def test_pages_of_many_tasks_read_few_files(
    site: Site, ada: User, scripted: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it runs each commit is read once by each replica; once it has ended, one file is, also after a restart."""
    job_id = begun(ada, scripted)
    tree = tree_of(site, job_id)
    for index in range(MANY):
        commit = Commit("a", records=index, bytes=index % 7, seconds=index % 100)
        tree.objects.put(Task(0, "map", index).commit, [json.dumps(commit.to_json()).encode()], hint=True)
    read: list[str] = []
    real = JobTree.read

    def noting(tree: JobTree, key: str) -> Any:
        read.append(key)
        return real(tree, key)

    monkeypatch.setattr(JobTree, "read", noting)
    tree.create("plan.json", {"version": TREE_VERSION, "tasks": [{"map": MANY, "reduce": 1}], "bytes": 10})

    def page_or_none() -> dict[str, Any] | None:
        """None while the commits are still being read for the first time."""
        answer = ada.http.get(f"/v1/jobs/{job_id}/tasks")
        assert answer.status_code in (200, 503), answer.text
        return answer.json() if answer.status_code == 200 and answer.json()["items"] else None

    first = poll(page_or_none, 120)
    assert first["items"][0]["seconds"] == 99
    assert sum("/commits/" in key for key in read) <= MANY, "once, for the reconciler and for all who ask"
    seen, cursor = len(first["items"]), first["cursor"]
    before = sum("/commits/" in key for key in read)
    while cursor:
        page = tasks(ada, job_id, cursor=cursor, limit=1000)
        seen, cursor = seen + len(page["items"]), page["cursor"]
    assert seen == MANY + 1
    assert sum("/commits/" in key for key in read) == before
    ada.http.post(f"/v1/jobs/{job_id}/cancel")
    ada.wait(job_id, "cancelled")
    jobs = site.apps[0].app.state.service.jobs
    poll(lambda: not jobs.is_queued(jobs.find(job_id).job), 60)
    other = site.user("ada", app=site.replica())
    del read[:]
    for _ in range(3):
        assert len(tasks(other, job_id, limit=1000, sort="records")["items"]) == 1000
    assert [key for key in read if "/commits/" in key] == []
    assert read.count("tasks.json") <= 1


def test_whoever_asks_does_not_wait_for_another_who_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = JobTree.open(f"file://{tmp_path}/")
    tree.create("plan.json", {"version": TREE_VERSION, "tasks": [{"map": 2, "reduce": 1}], "bytes": 10})
    watched = WatchedTree(tree)
    monkeypatch.setattr(trees, "RECENT", 0.0)
    monkeypatch.setattr(trees, "TIMES_AS_LONG", 0)
    first = watched.recent()
    tree.commit(Task(0, "map", 0), Commit("a", records=1, bytes=1))
    real, is_reading, may_end = ProgressReader.read, threading.Event(), threading.Event()

    def slow(reader: ProgressReader) -> Progress:
        is_reading.set()
        assert may_end.wait(30)
        return real(reader)

    with monkeypatch.context() as patch, ThreadPoolExecutor(1) as pool:
        patch.setattr(ProgressReader, "read", slow)
        reading = pool.submit(watched.read)
        assert is_reading.wait(30)
        assert watched.recent() is first
        may_end.set()
        assert reading.result(30) is not first
    assert [step.done for step in watched.recent().stages[0].steps] == [1, 1, 0]


def test_what_took_long_to_read_answers_for_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = JobTree.open(f"file://{tmp_path}/")
    tree.create("plan.json", {"version": TREE_VERSION, "tasks": [{"map": 2, "reduce": 1}], "bytes": 10})
    moments = iter([100.0, 100.2, 102.1, *[102.3] * 4])
    monkeypatch.setattr(trees, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    watched = WatchedTree(tree)
    first = watched.read()
    assert watched.recent() is first, "for two seconds, as reading took a fifth of one"
    assert watched.recent() is not first


def test_tasks_that_are_committed_meanwhile_harm_no_answer(site: Site, ada: User, scripted: ScriptedEngine) -> None:
    """Whoever reads the tree goes on adding to the table while answers are made from it."""
    job_id = begun(ada, scripted)
    scripted.work(job_id, 2, planned=4)
    poll(lambda: len(tasks(ada, job_id, state="committed")["items"]) == 2)
    service = site.apps[0].app.state.service
    job = service.jobs.find(job_id).job
    found = service.tasks.of(job)
    records = iter(found.table.of_step(0, "map").items())
    next(records)
    service.controller._reconciler.trees.of(job).table.add(Task(0, "map", 3), Commit("a", records=1, bytes=1))
    assert len(list(records)) == 1
