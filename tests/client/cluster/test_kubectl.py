"""What kubectl's failures become: the class says the exit status, the words what to do."""

import subprocess
from pathlib import Path

import pytest

from fanfold_client.api.problems import Away, ClientError, Conflict, NotAllowed, NotFound, Refused
from fanfold_client.cluster.kubectl import CommandEnded, Kubectl, explain
from tests.client.cluster.kubectl_stand_in import StandIn


@pytest.mark.parametrize(
    ("stderr", "kind", "advice"),
    [
        ("The Service is invalid: provided port is already allocated", Conflict, "--no-nodeports"),
        ("spec.selector: field is immutable", Conflict, "fanfold undeploy"),
        ("updates to statefulset spec for fields other than 'replicas'", Conflict, "data is kept"),
        ("Error from server (Forbidden): pods is forbidden", NotAllowed, "--kubeconfig"),
        ("error: You must be logged in to the server (Unauthorized)", NotAllowed, "--context"),
        ("error: no configuration has been provided", Away, "minikube start"),
        ("The connection to the server localhost:8080 was refused", Away, "No cluster is configured"),
        ("dial tcp 10.0.0.1:6443: connect: connection refused", Away, "minikube status"),
        ("Unable to connect to the server: EOF", Away, "No response from the cluster"),
        ('Error from server (NotFound): namespaces "x" not found', NotFound, ""),
        ("Error from server (AlreadyExists): secrets", Conflict, "try again"),
        ("some other trouble", Refused, ""),
    ],
)
def test_a_failure_is_told_with_advice(stderr: str, kind: type[ClientError], advice: str):
    error = explain(stderr, "kubectl apply")
    assert type(error) is kind
    assert stderr in str(error)
    assert advice in str(error)


def test_of_a_long_message_the_first_six_lines_are_told_without_warnings():
    lines = [f"line {number}" for number in range(1, 9)]
    noise = ["Warning: deprecated", "I1124 07:15:00 cached", "E1124 07:15:00 lost", "W1124 07:15:00 slow", ""]
    text = str(explain("\n".join([*noise, *lines]), "kubectl get"))
    assert text == "`kubectl get` failed: " + "\n".join(lines[:6])
    assert str(explain("\n".join(noise), "kubectl get")) == "`kubectl get` failed: no message"


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return StandIn(tmp_path)


def test_where_it_works_is_said_on_every_call(stand_in: StandIn):
    stand_in.answer("", {"items": []})
    Kubectl("mine").run("version")
    Kubectl("mine", "my-context", "my-config").items("pods")
    words = [call.words for call in stand_in.calls()]
    assert words[0] == "--namespace=mine version"
    assert words[1].startswith("--namespace=mine --context=my-context --kubeconfig=my-config get pods -o json")
    assert words[1].endswith("--request-timeout=20s")


@pytest.mark.parametrize(
    ("error", "is_fatal"),
    [("(Forbidden)", False), ("(NotFound)", False), ("some other trouble", False), ("connection refused", True)],
)
def test_what_is_not_essential_may_be_forbidden_but_not_away(stand_in: StandIn, error: str, is_fatal: bool):
    stand_in.answer("get nodes", error=error)
    if is_fatal:
        with pytest.raises(Away):
            Kubectl("mine").items_if_allowed("nodes")
    else:
        assert Kubectl("mine").items_if_allowed("nodes") == []


def test_an_object_exists_if_its_name_is_told(stand_in: StandIn):
    stand_in.answer("get secret one", "secret/one\n")
    stand_in.answer("get secret other", "\n")
    assert Kubectl("mine").exists("secret", "one")
    assert not Kubectl("mine").exists("secret", "other")


def test_a_command_in_a_pod_has_a_status_of_its_own(stand_in: StandIn):
    stand_in.answer("exec", error="there is an admin already\ncommand terminated with exit code 5", status=5)
    with pytest.raises(CommandEnded, match="there is an admin already") as ended:
        Kubectl("mine").run("exec", "pod", "--", "true")
    assert ended.value.status == 5
    with pytest.raises(Refused):
        stand_in.answer("get", error="command terminated with exit code 5")
        Kubectl("mine").run("get", "pods")


def test_a_cluster_that_says_nothing_is_away(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch):
    def silent(*_: object, timeout: float, **__: object) -> None:
        raise subprocess.TimeoutExpired("kubectl", timeout)

    monkeypatch.setattr(subprocess, "run", silent)
    with pytest.raises(Away, match=r"no response to `kubectl get` within 120 s"):
        Kubectl("mine").run("get", "pods")
    with pytest.raises(Away, match=r"within 5 s"):
        Kubectl("mine").run("get", "pods", seconds=5)


def test_without_kubectl_it_says_where_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refused, match=r"kubectl is not installed; see https://kubernetes\.io"):
        Kubectl("mine").run("version")
