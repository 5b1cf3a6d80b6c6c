"""From nothing to a finished job by the words of README.md, with the test cluster in minikube's place.

Argo is taken off the cluster first, so the command installs it. The release's manifest isn't on this machine; the one
of the test cluster takes its place, without the settings that Fanfold needs.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from fanfold_client.cluster import argo
from tests.argo import minikube_stand_in
from tests.argo.installation import eventually, kubectl
from tests.client.terminal import Left, at_terminal
from tests.cluster.layout import CONFIG, NODE

CHECKOUT = Path(__file__).resolve().parents[2]
VERSION = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["version"]
AS_SHELL = "import os, sys; os.execvp('bash', ['bash', '-ec', sys.argv[1]])"
pytestmark = pytest.mark.timeout(580)


def words_of(heading: str) -> list[str]:
    """The commands of the first block below a heading of README.md."""
    section = (CHECKOUT / "README.md").read_text().partition(f"\n## {heading}\n")[2]
    found = re.search(r"\n```\n(.*?)```", section, re.DOTALL)
    assert found
    return found[1].splitlines()


@dataclass(frozen=True)
class Newcomer:
    """Somebody at a shell, with nothing but a checkout, minikube and kubectl."""

    environ: dict[str, str]

    def type(self, *lines: str, answers: tuple[tuple[str, str], ...] = ()) -> Left:
        """Type lines into a shell in the checkout's folder."""
        script = "\n".join([f"cd {CHECKOUT}", *lines])
        return at_terminal(["python", "-c", AS_SHELL, script], self.environ, *answers, seconds=500)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "fanfold_client", *words]
        return subprocess.run(command, capture_output=True, text=True, env=self.environ, timeout=400)


@pytest.fixture(scope="module")
def argo_manifest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Argo's manifest as a release has it; meanwhile the cluster has no Argo, and afterwards the one it had."""
    whole = kubectl("kustomize", str(CONFIG / "argo"))
    objects = [_as_released(item) for item in yaml.safe_load_all(whole) if item]
    file = tmp_path_factory.mktemp("argo") / "install.yaml"
    file.write_text(yaml.safe_dump_all(objects))
    subprocess.run(
        ["kubectl", "delete", "-f", "-", "--ignore-not-found", "--timeout=120s"], input=whole, text=True, check=True
    )
    kubectl("delete", "namespace", argo.NAMESPACE, "--ignore-not-found", "--timeout=120s")
    yield file
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": argo.NAMESPACE}}
    text = "\n---\n".join([json.dumps(namespace), whole])
    apply = ["kubectl", "apply", "--server-side", "--force-conflicts", "-f", "-"]
    subprocess.run(apply, input=text, text=True, check=True, capture_output=True)
    kubectl("rollout", "status", "-n", argo.NAMESPACE, argo.CONTROLLER, "--timeout=120s")


def _as_released(item: dict[str, Any]) -> dict[str, Any]:
    """Without what tests/cluster sets for jobs to start, and to start soon."""
    if item["kind"] == "ConfigMap" and item["metadata"]["name"] == "workflow-controller-configmap":
        item.pop("data", None)
    if item["kind"] == "Deployment":
        for container in item["spec"]["template"]["spec"]["containers"]:
            env = container.get("env", [])
            container["env"] = [each for each in env if each["name"] != "DEFAULT_REQUEUE_TIME"]
    return item


@pytest.fixture(scope="module")
def newcomer(argo_manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    """A newcomer whose demo is taken away at the end."""
    home = tmp_path_factory.mktemp("home")
    minikube_stand_in.install(home)
    folders = {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CONFIG", "STATE", "DATA")}
    clean = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    path = {"PATH": f"{home}:{os.environ['PATH']}", "FANFOLD_ARGO": str(argo_manifest), "NO_COLOR": "1"}
    person = Newcomer(clean | folders | path)
    yield person
    done = person.run("undeploy", "--overlay", "minikube", "--data", "--yes")
    kubectl("label", "node", NODE, "minikube.k8s.io/name-")
    minikube_stand_in.remove_images(VERSION)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def shown(newcomer: Newcomer) -> str:
    """What stood on the terminal after all the words of README.md."""
    words = words_of("On minikube")
    assert words[0].startswith("minikube start") and words[-1].startswith("fanfold submit")
    left = newcomer.type(*words, answers=(("Password of guest", "password"),))
    assert left.status == 0, left.shown
    return left.shown


def test_the_readmes_words_lead_from_nothing_to_a_finished_job(shown: str):
    for line in (
        "installing Argo Workflows in namespace argo from ",
        f"building fanfold-auth:{VERSION}, fanfold-steps:{VERSION}, fanfold-submit:{VERSION}",
        "created the demo's users: guest, admin",
        "Fanfold runs in namespace fanfold. It requests 0.3 cpu, 0.75 GiB of memory, 22 GiB of disk:",
        "argo-ui   http://",
        "user      guest   (password: password)",
        "Next: fanfold login http://",
        "as guest.",
    ):
        assert line in shown
    assert shown.index("Next: ") < shown.index("Logged in to ")


def test_argo_has_the_settings_that_fanfold_needs(shown: str):
    settings = kubectl(
        "get", "configmap", "-n", "argo", "workflow-controller-configmap", "-o", "jsonpath={.data.executor}"
    )
    assert "runAsNonRoot: true" in settings
    deployment = json.loads(kubectl("get", "-n", "argo", argo.CONTROLLER, "-o", "json"))
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert {"name": "DEFAULT_REQUEUE_TIME", "value": "1s"} in container["env"]
    assert "--executor-image" in container["args"], "what its own manifest sets stays"


def test_the_same_command_again_does_no_harm(newcomer: Newcomer, shown: str):
    pods = kubectl("get", "pods", "-n", "fanfold", "-l", "app.kubernetes.io/part-of=fanfold", "-o", "name")
    again = newcomer.run("deploy", "--overlay", "minikube", "--demo")
    assert again.returncode == 0, again.stderr
    assert "installing Argo" not in again.stderr and "building" not in again.stderr
    assert "the demo's users exist already" in again.stderr
    assert pods == kubectl("get", "pods", "-n", "fanfold", "-l", "app.kubernetes.io/part-of=fanfold", "-o", "name")
    jobs = newcomer.run("jobs", "--json")
    assert [job["state"] for job in json.loads(jobs.stdout)["items"]] == ["succeeded"]


def test_an_interrupted_installation_of_argo_is_completed(newcomer: Newcomer, shown: str):
    kubectl("annotate", "--overwrite", "namespace", "argo", f"{argo.ANNOTATION}=begun")
    again = newcomer.run("deploy", "--overlay", "minikube", "--demo")
    assert again.returncode == 0, again.stderr
    assert "installing Argo Workflows" in again.stderr
    test_argo_has_the_settings_that_fanfold_needs(shown)


def test_forwarding_survives_the_pod_that_it_leads_to(newcomer: Newcomer, shown: str):
    words = [
        sys.executable,
        "-m",
        "fanfold_client",
        "login",
        "--forward",
        "--user",
        "guest",
        "--password-stdin",
        "--json",
    ]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(words, env=newcomer.environ, text=True, **pipes) as forward:
        assert forward.stdin and forward.stdout and forward.stderr
        try:
            forward.stdin.write("password\n")
            forward.stdin.close()
            assert json.loads(forward.stdout.readline())["url"] == "http://127.0.0.1:1338"
            assert newcomer.run("whoami").stdout.startswith("guest (submitter) at http://127.0.0.1:1338")
            kubectl("delete", "pods", "-n", "fanfold", "-l", "app.kubernetes.io/name=submit", "--wait=false")
            kubectl("rollout", "status", "-n", "fanfold", "deployment/submit", "--timeout=120s")
            eventually(lambda: newcomer.run("jobs").returncode == 0, "the jobs, through another pod")
            forward.send_signal(signal.SIGINT)
            assert forward.wait(30) == 0
            assert "Stopped forwarding." in forward.stderr.read()
        finally:
            forward.kill()
    assert newcomer.run("whoami").returncode == 6
