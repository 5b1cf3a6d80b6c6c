"""The Argo engine against a stand-in of the Kubernetes API; tests/argo runs it against the real one."""

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pytest
import yaml
from kubernetes import client

from fanfold.engines.argo.api import WorkflowsApi, connect
from fanfold.engines.argo.engine import STUCK_SECONDS, ArgoEngine
from fanfold.engines.argo.workflow import FINGERPRINT_LABEL, LONGEST_LABEL
from fanfold.engines.protocol import EngineError, Foreign, Handle, Pending, Phase
from fanfold.errors import Refused
from fanfold.planning.fingerprints import complete_fingerprint_of
from tests.workflows.engines.kubernetes_stand_in import StandIn
from tests.workflows.engines.test_workflow import CLAIM, plan_of

JOB = "0k3c9v5r2m8x7q1d4f6h"
NAME = f"fanfold-{JOB}"
PLAN = plan_of({"split": 1, "map": 4, "reduce": 2})
OTHER = plan_of({"all": 1})


@pytest.fixture
def engine(api_client: client.ApiClient) -> Iterator[ArgoEngine]:
    engine = ArgoEngine(CLAIM, api_client)
    yield engine
    engine.close()


def complete(api: StandIn, phase: str, **status) -> None:
    """Do as Argo's controller does when a Workflow ends."""
    metadata = api.workflows[NAME]["metadata"]
    api.change(
        NAME,
        metadata={"labels": {**metadata["labels"], "workflows.argoproj.io/completed": "true"}},
        status={"phase": phase, **status},
    )


class TestSubmit:
    def test_creates_the_workflow(self, api, engine):
        handle = engine.submit(PLAN)
        assert handle == Handle("fanfold", NAME, api.workflows[NAME]["metadata"]["uid"])
        assert api.workflows[NAME]["spec"]["entrypoint"] == "steps"

    def test_again_adopts_what_is_there(self, api, engine):
        assert engine.submit(PLAN) == engine.submit(PLAN)
        assert len(api.history) == 1

    def test_at_once_by_many_creates_one(self, api, engine):
        handles: list[Handle] = []
        threads = [threading.Thread(target=lambda: handles.append(engine.submit(PLAN))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(handles)) == 1
        assert len(handles) == 8

    def test_each_run_has_a_workflow_of_its_own_which_can_be_shown_before(self, api, engine):
        shown = yaml.safe_load(engine.manifest(replace(PLAN, run=2)))
        first, second = engine.submit(PLAN), engine.submit(replace(PLAN, run=2))
        assert (first.name, second.name) == (NAME, f"{NAME}-2") and first.uid != second.uid
        created = api.workflows[second.name]
        assert shown["spec"] == created["spec"]
        assert {label: created["metadata"]["labels"][label] for label in shown["metadata"]["labels"]} == (
            shown["metadata"]["labels"]
        )

    def test_another_jobs_workflow_is_foreign(self, engine):
        engine.submit(PLAN)
        with pytest.raises(Foreign, match=f"{NAME} in namespace fanfold belongs to another job.*delete it"):
            engine.submit(OTHER)

    def test_a_workflow_that_nobody_labelled_is_foreign(self, api, engine):
        api.put({"metadata": {"name": NAME}, "spec": {}})
        with pytest.raises(Foreign, match="fingerprint is None"):
            engine.submit(PLAN)

    def test_a_workflow_of_a_version_that_told_all_fields_is_adopted(self, api, engine):
        handle = engine.submit(PLAN)
        complete_one = complete_fingerprint_of(PLAN.conf)[:LONGEST_LABEL]
        api.workflows[NAME]["metadata"]["labels"][FINGERPRINT_LABEL] = complete_one
        assert engine.submit(PLAN) == handle

    def test_what_succeeded_is_adopted(self, api, engine):
        handle = engine.submit(PLAN)
        complete(api, "Succeeded")
        assert engine.submit(PLAN) == handle

    def test_what_failed_is_replaced_when_its_pods_are_gone(self, api, engine):
        first = engine.submit(PLAN)
        complete(api, "Failed")
        for _ in range(2):
            with pytest.raises(EngineError, match="is being removed: submit the job again"):
                engine.submit(PLAN)
        api.remove(NAME)
        assert engine.submit(PLAN).uid != first.uid

    def test_a_place_that_pods_would_not_see_is_refused(self, api, engine):
        with pytest.raises(Refused, match="not on the claim"):
            engine.submit(plan_of({"all": 1}, "file:///elsewhere"))
        assert not api.requests

    def test_a_refusal_names_the_missing_right(self, api, engine):
        words = 'User "system:serviceaccount:fanfold:submit" cannot create resource "workflows"'
        api.refusal = (403, words)
        with pytest.raises(EngineError, match=f"cannot create Workflows in namespace fanfold: {words}"):
            engine.submit(PLAN)

    def test_without_an_answer_it_says_so(self, engine, api):
        silent = client.Configuration()
        silent.host = "http://127.0.0.1:1"
        silent.retries = False
        with pytest.raises(EngineError, match="no response from the Kubernetes API"):
            ArgoEngine(CLAIM, client.ApiClient(silent)).submit(PLAN)


class TestObserve:
    def test_a_new_workflow_is_active(self, engine):
        assert engine.observe(engine.submit(PLAN)).phase is Phase.ACTIVE

    @pytest.mark.parametrize("phase", ["Pending", "Running"])
    def test_a_running_one_is_active(self, api, engine, phase):
        handle = engine.submit(PLAN)
        api.change(NAME, status={"phase": phase})
        assert engine.observe(handle).phase is Phase.ACTIVE

    @pytest.mark.parametrize("phase", ["Running", "Failed"])
    @pytest.mark.parametrize("strategy", ["Stop", "Terminate"])
    def test_one_that_somebody_stopped_is_told_from_others(self, api, engine, phase, strategy):
        handle = engine.submit(PLAN)
        assert not engine.observe(handle).stopped
        api.change(NAME, status={"phase": phase})
        api.change(NAME, spec={**api.workflows[NAME]["spec"], "shutdown": strategy})
        assert engine.observe(handle).stopped

    @pytest.mark.parametrize("phase", ["Succeeded", "Failed", "Error"])
    def test_a_finished_one_has_ended(self, api, engine, phase):
        handle = engine.submit(PLAN)
        complete(api, phase, message="child failed")
        observation = engine.observe(handle)
        assert (observation.phase, observation.message) == (Phase.ENDED, "child failed")

    def test_the_message_is_that_of_the_pod_that_failed_for_good(self, api, engine):
        handle = engine.submit(PLAN)

        def node(name: str, code: int, finished: int, message: str, kind: str = "Pod") -> dict[str, Any]:
            return {
                "type": kind,
                "phase": "Failed",
                "displayName": name,
                "message": message,
                "finishedAt": f"2026-01-01T00:00:{finished:02}Z",
                "outputs": {"exitCode": str(code)},
            }

        nodes = {
            "a": node("map(0:0)(0)", 137, 1, "main: OOMKilled (exit code 137)"),
            "b": node("map(1:1)(0)", 64, 5, "main: Error (exit code 64): the mapper raised KeyError"),
            "c": node("reduce(0:0)(0)", 1, 7, "main: Error (exit code 1)"),
            "d": node("map(1:1)", 64, 9, "retryStrategy.expression evaluated to false", "Retry"),
        }
        complete(api, "Failed", message="child failed", nodes=nodes)
        told = engine.observe(handle).message
        assert told == "map(1:1)(0): main: Error (exit code 64): the mapper raised KeyError"

    @pytest.mark.parametrize(
        ("messages", "reason"),
        [
            (["PodInitializing", "ContainerCreating", ""], None),
            (["PodInitializing", "Unschedulable: 0/3 nodes are available: 3 Insufficient cpu."], "unschedulable"),
            (["Unschedulable: 0/3", 'pods "x" is forbidden: exceeded quota: q, requested: pods=1'], "quota"),
            (["Unschedulable: 0/3", "ErrImagePull: not found"], "image"),
            (['CreateContainerConfigError: secret "x" not found', "Waiting: odd"], "configuration"),
            (["Waiting: odd"], "pods"),
        ],
    )
    def test_what_keeps_pods_from_starting_is_told(self, api, engine, messages, reason):
        handle = engine.submit(PLAN)
        waits = {"type": "Pod", "phase": "Pending", "displayName": "map(0:0)", "templateName": "worker"}
        nodes = {str(number): waits | {"message": message} for number, message in enumerate(messages)}
        api.change(NAME, status={"phase": "Running", "nodes": nodes})
        observation = engine.observe(handle)
        assert (observation.phase, observation.hopeless) == (Phase.ACTIVE, False)
        told = observation.pending
        assert (told and told.reason) == reason
        assert told is None or re.search(r"^map\(0:0\): ", told.message)
        api.change(
            NAME, status={"phase": "Running", "nodes": {"0": waits | {"phase": "Running", "message": messages[0]}}}
        )
        assert engine.observe(handle).pending is None

    def test_a_workflow_that_argo_holds_back_says_so(self, api, engine):
        handle = engine.submit(PLAN)
        api.change(NAME, status={"phase": "Pending", "message": "too many workflows are already running"})
        assert engine.observe(handle).pending == Pending("pods", "too many workflows are already running")

    def test_one_that_lacked_memory_is_told_what_to_raise(self, api, engine):
        handle = engine.submit(PLAN)
        killed = {"type": "Pod", "phase": "Failed", "displayName": "map(0:0)(4)", "templateName": "worker"}
        complete(api, "Failed", nodes={"a": killed | {"message": "OOMKilled (exit code 137)"}})
        observation = engine.observe(handle)
        assert observation.hopeless
        assert observation.message == (
            "map(0:0)(4) was killed for lack of memory (OOMKilled), of which it had 1Gi: raise Resources(memory=…)"
        )

    @pytest.mark.parametrize(
        ("reason", "words"),
        [
            (
                "ImagePullBackOff: Back-off pulling image",
                r"the image fanfold-steps:1.0 can't be pulled: check its name",
            ),
            ('CreateContainerConfigError: secret "x" not found', "the pod lacks a Secret, or a key in one: create it"),
        ],
    )
    def test_one_whose_pods_cant_start_is_hopeless_after_a_while(self, api, engine, monkeypatch, reason, words):
        handle = engine.submit(PLAN)
        waits = {"type": "Pod", "phase": "Pending", "displayName": "split", "templateName": "worker"}
        api.change(NAME, status={"phase": "Running", "nodes": {"a": waits | {"message": reason}}})
        assert not engine.observe(handle).hopeless
        clock = time.monotonic() + STUCK_SECONDS + 1
        monkeypatch.setattr("fanfold.engines.argo.engine.time.monotonic", lambda: clock)
        observation = engine.observe(handle)
        assert (observation.phase, observation.hopeless) == (Phase.ACTIVE, True)
        assert re.search(words, observation.message)
        api.change(NAME, status={"phase": "Running", "nodes": {"a": waits | {"message": "PodInitializing"}}})
        assert not engine.observe(handle).hopeless
        api.change(NAME, status={"phase": "Running", "nodes": {"a": waits | {"message": reason}}})
        assert not engine.observe(handle).hopeless  # it is a new one

    def test_a_deleted_one_is_gone(self, api, engine):
        handle = engine.submit(PLAN)
        api.remove(NAME)
        assert engine.observe(handle).phase is Phase.GONE

    def test_one_that_took_the_name_is_not_taken_for_it(self, api, engine):
        handle = engine.submit(PLAN)
        api.remove(NAME)
        engine.submit(PLAN)
        assert engine.observe(handle).phase is Phase.GONE

    def test_an_error_is_not_taken_for_its_absence(self, api, engine):
        handle = engine.submit(PLAN)
        api.refusal = (500, "etcdserver: request timed out")
        with pytest.raises(EngineError, match="cannot get Workflows in namespace fanfold: etcdserver: request timed"):
            engine.observe(handle)


class TestActive:
    def test_lists_all_pages_of_what_is_unfinished(self, api, engine):
        jobs = [f"job{index}" for index in range(5)]
        handles = {job: engine.submit(plan_of({"all": 1}, job=job)) for job in jobs}
        engine.submit(PLAN)
        complete(api, "Succeeded")
        api.put({"metadata": {"name": "somebody-elses", "labels": {}}, "spec": {}})
        assert dict(engine.active()) == handles


class TestCancel:
    def test_asks_argo_to_end_the_pods(self, api, engine):
        engine.cancel(engine.submit(PLAN))
        assert api.workflows[NAME]["spec"]["shutdown"] == "Terminate"

    def test_one_that_is_gone_does_no_harm(self, api, engine):
        handle = engine.submit(PLAN)
        api.remove(NAME)
        engine.cancel(handle)

    def test_leaves_alone_what_took_the_name(self, api, engine):
        handle = engine.submit(PLAN)
        api.remove(NAME)
        engine.submit(PLAN)
        engine.cancel(handle)
        assert "shutdown" not in api.workflows[NAME]["spec"]


class Watcher:
    """Reads the engine's watch in a thread."""

    def __init__(self, engine: ArgoEngine) -> None:
        self.told: SimpleQueue[str] = SimpleQueue()
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._read, args=[engine])
        self.thread.start()

    def _read(self, engine: ArgoEngine) -> None:
        for job in engine.watch(self.stop):
            self.told.put(job)

    def next(self) -> str:
        try:
            return self.told.get(timeout=10)
        except Empty:
            raise AssertionError("the watch told nothing within 10 s") from None

    def end(self) -> float:
        started = time.monotonic()
        self.stop.set()
        self.thread.join(10)
        assert not self.thread.is_alive()
        return time.monotonic() - started


@pytest.fixture
def watcher(engine: ArgoEngine) -> Iterator[Watcher]:
    watcher = Watcher(engine)
    yield watcher
    watcher.end()


def wait_for_request(api: StandIn, words: str, times: int = 1) -> None:
    deadline = time.monotonic() + 10
    while sum(words in request for request in api.requests) < times:
        assert time.monotonic() < deadline, f"no {words} among {api.requests}"
        time.sleep(0.01)


class TestWatch:
    def test_tells_what_is_there_and_what_changes(self, api, engine):
        engine.submit(PLAN)
        watcher = Watcher(engine)
        assert watcher.next() == JOB
        engine.submit(plan_of({"all": 1}, job="another"))
        assert watcher.next() == "another"
        complete(api, "Succeeded")
        assert watcher.next() == JOB
        api.remove(NAME)
        assert watcher.next() == JOB
        watcher.end()

    def test_begins_anew_when_its_version_is_too_old(self, api, engine, watcher):
        wait_for_request(api, "watch=")
        api.compact()
        engine.submit(PLAN)
        assert watcher.next() == JOB

    def test_begins_anew_when_the_connection_breaks(self, api, engine, watcher):
        wait_for_request(api, "watch=")
        api.drop_watches()
        wait_for_request(api, "watch=", times=2)
        engine.submit(PLAN)
        assert watcher.next() == JOB

    @pytest.mark.thorough
    def test_goes_on_after_an_outage(self, api, engine, watcher):
        wait_for_request(api, "watch=")
        api.refusal = (503, "the server is currently unable to handle the request")
        api.drop_watches()
        wait_for_request(api, "GET", times=3)
        api.refusal = None
        engine.submit(PLAN)
        assert watcher.next() == JOB

    def test_stops_at_once_while_nothing_happens(self, api, engine):
        watcher = Watcher(engine)
        wait_for_request(api, "watch=")
        assert watcher.end() < 2

    def test_stops_at_once_during_an_outage(self, api, engine):
        api.refusal = (503, "down")
        watcher = Watcher(engine)
        wait_for_request(api, "GET", times=2)
        assert watcher.end() < 2


class Pauses:
    """A stop signal that is set after some pauses, and knows how long they were."""

    def __init__(self, most: int) -> None:
        self.seconds: list[float] = []
        self.most = most

    def is_set(self) -> bool:
        return len(self.seconds) >= self.most

    def wait(self, seconds: float) -> bool:
        self.seconds.append(seconds)
        return self.is_set()


def test_a_watch_that_cannot_be_opened_is_tried_ever_more_slowly(monkeypatch):
    monkeypatch.setattr(
        "random.SystemRandom.uniform", lambda self, least, most: most if (least, most) == (0.5, 1) else 0
    )
    nobody = client.Configuration()
    nobody.host, nobody.retries = "http://127.0.0.1:1", False
    pauses = Pauses(9)
    assert list(WorkflowsApi("fanfold", client.ApiClient(nobody)).follow("a=b", pauses)) == []  # type: ignore[arg-type]
    assert pauses.seconds == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


class TestConnect:
    def test_goes_where_kubeconfig_points(self, api, tmp_path: Path, monkeypatch):
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        file = tmp_path / "config"
        file.write_text(
            f"""
apiVersion: v1
kind: Config
clusters: [{{name: here, cluster: {{server: "{api.url}"}}}}]
users: [{{name: me, user: {{token: abc}}}}]
contexts: [{{name: here, context: {{cluster: here, user: me}}}}]
current-context: here
"""
        )
        # the client reads KUBECONFIG when it is imported
        monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(file))
        engine = ArgoEngine(CLAIM, connect())
        assert engine.submit(PLAN).name == NAME
        engine.close()

    def test_in_a_pod_goes_to_the_cluster_that_the_pod_is_in(self, tmp_path: Path, monkeypatch):
        for name, text in (("TOKEN", "a token"), ("CERT", "a certificate")):
            (tmp_path / name).write_text(text)
            monkeypatch.setattr(f"kubernetes.config.incluster_config.SERVICE_{name}_FILENAME", str(tmp_path / name))
        monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
        settings = connect().configuration
        assert (settings.host, settings.ssl_ca_cert) == ("https://10.96.0.1:443", str(tmp_path / "CERT"))
        assert settings.get_api_key_with_prefix("BearerToken") == "bearer a token"
        (tmp_path / "TOKEN").write_text("")
        with pytest.raises(EngineError, match=r"no Kubernetes cluster is configured"):
            connect()

    def test_a_request_is_tried_again_only_where_nothing_was_sent(self, tmp_path: Path, monkeypatch):
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
        for name in ("TOKEN", "CERT"):
            (tmp_path / name).write_text("something")
            monkeypatch.setattr(f"kubernetes.config.incluster_config.SERVICE_{name}_FILENAME", str(tmp_path / name))
        retries = connect().configuration.retries
        assert (retries.connect, retries.read, retries.redirect, retries.status, retries.other) == (2, 0, 0, 0, 0)

    def test_without_a_cluster_it_says_what_to_do(self, tmp_path: Path, monkeypatch):
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
        with pytest.raises(EngineError, match=r"no Kubernetes cluster is configured.*Set KUBECONFIG"):
            connect()
