"""What a job printed and what its tasks did, after its pods and its Workflow are gone; and why pods don't start."""

import json
from pathlib import Path
from typing import Any

from tests.argo.installation import Installation, eventually, kubectl

PRINTING = """
import time
from fanfold import Job

def words(line, ctx):
    if ctx.source.offset % 4096 < 16:
        print("begun at", ctx.source.offset)
    time.sleep(0.004)
    return [(word, 1) for word in line.split()]

def add(key, values):
    yield key, sum(values)

job = Job(map=words, reduce=add)
"""
GREEDY = """
from fanfold import Job, Resources, Sum

def lines(line):
    yield line, 1

job = Job(map=lines, reduce=Sum(), resources=Resources(cpu=500))
"""


def test_the_log_of_a_deleted_pods_task_is_there_after_everything_is_gone(
    installation: Installation, tmp_path: Path
) -> None:
    (tmp_path / "printing.py").write_text(PRINTING)
    (tmp_path / "in.txt").write_text("few words words\n" * 12_000)
    shape = ["--split-size", "16KiB", "--workers", "2", "--partitions", "1"]
    job = installation.fanfold("submit", tmp_path / "printing.py", "--input", tmp_path / "in.txt", *shape).strip()
    eventually(lambda: installation.done(job, "map") >= 1, "a map is committed", 90)

    def running() -> list[dict[str, Any]]:
        words = ("tasks", job, "--state", "running", "--step", "map", "--json")
        found: list[dict[str, Any]] = json.loads(installation.fanfold(*words))["items"]
        return found

    victim = eventually(running, "a pod is at a map task", 30)[0]
    kubectl("delete", "pod", "-n", installation.namespace, victim["host"], "--grace-period=0", "--force")
    installation.fanfold("watch", job)
    workflow = json.loads(installation.fanfold("status", job, "--json"))["workflow"]
    kubectl("delete", "workflow", "-n", workflow["namespace"], workflow["name"])
    label = f"--selector=fanfold.dev/job={job}"
    eventually(lambda: not kubectl("get", "pods", "-n", workflow["namespace"], label, "-o", "name"), "no pod is left")

    lines = [json.loads(line) for line in installation.fanfold("logs", job, "--json").splitlines()]
    of_victim = [line for line in lines if line["task"] == f"0/map/{victim['index']}"]
    assert [line["text"] for line in of_victim if line["by"] == "fanfold"].count("claimed") >= 1
    tasks = json.loads(installation.fanfold("tasks", job, "--limit", "100", "--json"))["items"]
    assert {task["state"] for task in tasks} == {"committed"}
    maps = {task["index"]: task for task in tasks if task["step"] == "map"}
    # Unless the pod committed its task after all and was killed before it could write that down.
    if maps[victim["index"]]["host"] != victim["host"]:
        assert any(line["text"].startswith("committed") for line in of_victim)
    assert all(job in task["host"] for task in tasks), "the pods' names"
    printed = {line["task"] for line in lines if line["text"].startswith("begun at")}
    assert printed <= {f"0/map/{index}" for index in maps}
    assert len(printed) > len(maps) // 2
    assert installation.fanfold("logs", job, "--task", f"map/{victim['index']}").strip()
    assert json.loads(installation.fanfold("explain", job, "--json"))["skew"]


def test_pods_for_which_no_node_has_room_say_so(installation: Installation, tmp_path: Path) -> None:
    (tmp_path / "greedy.py").write_text(GREEDY)
    (tmp_path / "in.txt").write_text("a\n")
    job = installation.fanfold("submit", tmp_path / "greedy.py", "--input", tmp_path / "in.txt").strip()

    def waiting() -> dict[str, str] | None:
        found: dict[str, str] | None = json.loads(installation.fanfold("status", job, "--json"))["waiting"]
        return found if found and found["reason"] in ("unschedulable", "quota") else None

    why = eventually(waiting, "the pod is known not to be scheduled", 90)
    (finding, *_) = json.loads(installation.fanfold("explain", job, "--json"))["findings"]
    assert (finding["code"], finding["message"]) == ("waiting", why["message"])
    installation.fanfold("cancel", job)
