"""Why a pod isn't ready: its states, its last warning, and the log of the container that matters."""

from typing import Any

import pytest

from fanfold_client.api.problems import Away, NotFound
from fanfold_client.cluster import rollout
from tests.client.cluster.test_deploy import pod, standing

WAITING = {"state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}}


class Kubectl:
    """A cluster's events and logs, and what was asked for."""

    def __init__(self, log: str = "", events: list[dict[str, Any]] | None = None) -> None:
        self.log, self.events = log, events or []
        self.asked: list[tuple[str, ...]] = []

    def items_if_allowed(self, *_: str) -> list[dict[str, Any]]:
        return list(self.events)

    def run(self, *words: str, seconds: float) -> str:
        self.asked.append(words)
        if not self.log:
            raise NotFound("there is no log")
        return self.log


def diagnosed(*objects: dict[str, Any], kubectl: Kubectl | None = None) -> list[str]:
    return rollout.diagnose(kubectl or Kubectl(), objects).splitlines()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "conditions", "told"),
    [
        (WAITING, [], ["auth is waiting: CrashLoopBackOff back-off 10s"]),
        ({"state": {"waiting": {"reason": "ContainerCreating"}}}, [], ["auth is waiting: ContainerCreating"]),
        ({"state": {"running": {}}}, [], ["auth is running, but not ready"]),
        ({"state": {"running": {}}, "ready": True}, [], ["Pending"]),
        (
            {"state": {"terminated": {"exitCode": 3, "reason": "Error"}}, "restartCount": 0}, [],
            ["auth exited with status 3 (Error), started 1 times"],
        ),
        (
            {**WAITING, "lastState": {"terminated": {"exitCode": 6, "reason": "Error"}}}, [],
            ["auth is waiting: CrashLoopBackOff back-off 10s", "auth exited with status 6 (Error), started 3 times"],
        ),
        ({"state": {}}, [{"type": "PodScheduled", "status": "False", "message": "full"}], ["not scheduled: full"]),
        ({"state": {}}, [{"type": "PodScheduled", "status": "True"}], ["Pending"]),
        ({"state": {}}, [{"type": "Ready", "status": "False"}], ["Pending"]),
        ({"state": {}}, [{"type": "Ready", "status": "True"}], []),
    ],
)  # fmt: skip
def test_the_reasons_of_a_pod(status: dict[str, Any], conditions: list[dict[str, str]], told: list[str]):
    item = pod(status, conditions=conditions)
    item["status"]["phase"] = "Pending"
    assert diagnosed(item) == [f"  auth-1: {reason}" for reason in told]


@pytest.mark.parametrize(
    ("status", "is_previous"),
    [(WAITING, True), ({**WAITING, "restartCount": 0}, False), ({"state": {"running": {}}}, False)],
)
def test_a_container_that_crashed_is_asked_for_the_log_of_the_time_before(status: dict[str, Any], is_previous: bool):
    kubectl = Kubectl("the first\nand the last\n")
    lines = diagnosed(pod(status), kubectl=kubectl)
    assert lines[-2:] == ["    log: the first", "    log: and the last"]
    assert kubectl.asked == [("logs", "auth-1", "--tail=10", *(["--previous"] if is_previous else []))]


def test_the_last_warning_counts_by_its_first_line():
    def warning(name: str, message: str, **moment: str) -> dict[str, Any]:
        return {"involvedObject": {"name": name}, "message": message, **moment}

    events = [
        warning("auth-1", "the last\nand more", lastTimestamp="3"), warning("auth-1", "earlier", eventTime="2"),
        warning("auth-1", "at some time"), warning("auth-2", "of another pod", lastTimestamp="9"),
    ]  # fmt: skip
    assert diagnosed(pod(WAITING), kubectl=Kubectl(events=events))[-1] == "    event: the last"


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ({"type": "ReplicaFailure", "status": "True", "message": "quota"}, ["  auth: quota"]),
        ({"type": "ReplicaFailure", "status": "True", "reason": "Forbidden"}, ["  auth: Forbidden"]),
        ({"type": "ReplicaFailure", "status": "False", "message": "quota"}, []),
        ({"type": "Progressing", "status": "True", "message": "fine"}, []),
    ],
)
def test_pods_that_could_not_be_made(condition: dict[str, str], told: list[str]):
    workload = standing()
    workload["status"]["conditions"] = [condition]
    assert diagnosed(workload) == told


@pytest.mark.parametrize(
    ("reason", "image", "is_told"),
    [
        ("ImagePullBackOff", "fanfold-auth:1", True), ("ErrImagePull", "fanfold-auth:1", True),
        ("ErrImageNeverPull", "fanfold-auth:1", True), ("CrashLoopBackOff", "fanfold-auth:1", False),
        ("ImagePullBackOff", "registry.example/fanfold-auth:1", False),
    ],
)  # fmt: skip
def test_an_image_of_ours_that_the_node_lacks(reason: str, image: str, is_told: bool):
    item = pod({"state": {"waiting": {"reason": reason}}, "image": image})
    told = rollout._missing_image([standing(), item])
    assert (told or "").startswith("The image fanfold-auth:1 of pod auth-1 is not on the node") == is_told


def test_a_busy_cluster_is_asked_twice_and_no_more():
    class Busy(Kubectl):
        def __init__(self, times: int) -> None:
            super().__init__()
            self.times = times

        def items(self, *_: str) -> list[dict[str, Any]]:
            self.times -= 1
            if self.times >= 0:
                raise Away("no response")
            return [standing()]

    assert rollout._objects(Busy(1)) == [standing()]  # type: ignore[arg-type]
    with pytest.raises(Away):
        rollout._objects(Busy(2))  # type: ignore[arg-type]
