"""`fanfold deploy` on minikube and kind: Argo, images and the demo's users are made where they are missing."""

import json
import shutil
from pathlib import Path

import pytest

from fanfold_auth.accounts import demo
from fanfold_client import main
from fanfold_client.cluster import argo
from fanfold_client.cluster.kubectl import Kubectl
from fanfold_client.cluster.local import clusters, images, node_images, programs
from fanfold_client.cluster.overlay import manifests
from fanfold_client.verbs.services import deploy as verb
from tests.client.cluster import test_deploy
from tests.client.cluster.test_deploy import DEPLOYMENT, NAMESPACE, SERVICES, deploy

kubectl = test_deploy.kubectl

ADDRESS = {"addresses": [{"type": "InternalIP", "address": "192.0.2.7"}]}
MINIKUBE = {"metadata": {"labels": {"minikube.k8s.io/name": "lab"}}, "status": ADDRESS}
KIND = {"metadata": {}, "spec": {"providerID": "kind://docker/lab/lab-control-plane"}, "status": ADDRESS}
SETTINGS = {"kind": "ConfigMap", "metadata": {"name": "s"}, "data": {"FANFOLD_SUBMIT_STEPS_IMAGE": "fanfold-steps:1"}}


def using(*names):
    containers = [{"image": name} for name in (*names, "quay.io/coreos/etcd:v3", "lab.local/fanfold-auth:test")]
    return {"kind": "ReplicaSet", "metadata": {"name": "x"}, "spec": {"containers": containers}}


class Tools:
    """What is run besides kubectl: the commands, and the images that the cluster has."""

    def __init__(self) -> None:
        self.run: list[str] = []
        self.images = "docker.io/library/fanfold-steps:1\ndocker.io/library/fanfold-auth:1\nregistry.k8s.io/pause:3\n"

    def output_of(self, command, seconds=0):
        self.run.append(" ".join(command))
        return self.images if " ls" in self.run[-1] else ""

    def run_shown(self, command, folder, say):
        assert (folder / "Makefile").is_file()
        self.run.append(" ".join(command))


@pytest.fixture
def tools(monkeypatch):
    made = Tools()
    monkeypatch.setattr(clusters, "output_of", made.output_of)
    monkeypatch.setattr(images, "run_shown", made.run_shown)
    return made


@pytest.fixture
def minikube(kubectl, tools):
    """A minikube that lacks everything, and has two of Fanfold's three images."""
    kubectl.render(NAMESPACE, DEPLOYMENT, *SERVICES, SETTINGS, using("fanfold-auth:1", "fanfold-submit:1"))
    kubectl.answer("get nodes", {"items": [MINIKUBE]})
    kubectl.answer("fanfold_auth demo", "guest\nadmin\n")
    return kubectl


@pytest.mark.thorough
def test_images_that_are_missing_are_built_before_anything_is_applied(minikube, tools):
    assert deploy() == 0
    assert tools.run == [
        "minikube --profile lab image ls",
        "make image-submit ENGINE=minikube PROFILE=lab",
    ]
    assert not minikube.calls("rollout restart")


@pytest.mark.thorough
def test_where_no_image_is_missing_none_is_built(minikube, tools):
    tools.images += "docker.io/library/fanfold-submit:1\n"
    assert deploy() == 0
    assert deploy("--images", "none") == 0
    assert tools.run == ["minikube --profile lab image ls"]


@pytest.mark.thorough
def test_all_images_can_be_built_anew_and_the_services_then_run_them(minikube, tools):
    assert deploy("--images", "all") == 0
    assert tools.run[1:] == ["make image-auth image-steps image-submit ENGINE=minikube PROFILE=lab"]
    (restarted,) = minikube.calls("rollout restart")
    assert "deployment/auth deployment/submit" in restarted.words


@pytest.mark.thorough
def test_images_of_changed_sources_are_built_anew(minikube, tools, monkeypatch, capsys):
    tools.images += "docker.io/library/fanfold-submit:1\n"
    monkeypatch.setattr(node_images, "sources_digest", lambda: "new")
    minikube.answer("get namespace fanfold", {"metadata": {"annotations": {"fanfold.dev/sources": "old"}}})
    assert deploy() == 0
    assert tools.run[1:] == ["make image-auth image-steps image-submit ENGINE=minikube PROFILE=lab"]
    assert "the sources have changed" in capsys.readouterr().err
    assert minikube.calls("annotate --overwrite namespace fanfold fanfold.dev/sources=new")
    assert minikube.calls("rollout restart")
    minikube.answer("get namespace fanfold", {"metadata": {"annotations": {"fanfold.dev/sources": "new"}}})
    assert deploy() == 0
    assert len(tools.run) == 3 and len(minikube.calls("rollout restart")) == 1


@pytest.mark.thorough
def test_whoever_built_the_images_is_told_that_they_are_used(minikube, tools, capsys):
    tools.images += "docker.io/library/fanfold-submit:1\n"
    assert deploy() == 0
    assert "using the images that are there; --images all builds them anew" in capsys.readouterr().err
    assert not minikube.calls("annotate")


def test_the_digest_of_the_sources_is_that_of_what_goes_into_images(tmp_path, monkeypatch):
    wheel = '[tool.hatch.build.targets.wheel]\npackages = ["layer/package"]\n'
    for path, text in {"pyproject.toml": wheel, "constraints.txt": "", "layer/package/code.py": "1",
                       "argo/images/Makefile": "", "tests/test.py": "1"}.items():  # fmt: skip
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    monkeypatch.setattr(images, "manifests", lambda: tmp_path / "argo")
    before = images.sources_digest()
    (tmp_path / "tests/test.py").write_text("2")
    (tmp_path / "layer/package/__pycache__").mkdir()
    (tmp_path / "layer/package/__pycache__/code.pyc").write_text("2")
    assert images.sources_digest() == before
    (tmp_path / "layer/package/code.py").write_text("2")
    assert images.sources_digest() not in (before, None)
    (tmp_path / "constraints.txt").unlink()
    assert images.sources_digest() is None


@pytest.mark.thorough
def test_kind_loads_what_docker_builds_and_is_reached_at_loopback(minikube, tools, capsys):
    minikube.answer("get nodes", {"items": [KIND]})
    assert deploy("--json") == 0
    assert tools.run == [
        "docker exec lab-control-plane ctr --namespace=k8s.io images ls --quiet",
        "make image-submit ENGINE=docker",
        "kind load docker-image --name lab fanfold-submit:1",
    ]
    assert json.loads(capsys.readouterr().out)["url"] == "http://127.0.0.1:30002"


def test_kind_loads_nothing_from_other_engines(minikube, tools, capsys):
    podman = {"providerID": "kind://podman/lab/lab-control-plane"}
    minikube.answer("get nodes", {"items": [KIND | {"spec": podman}]})
    assert deploy() == 3
    assert "The nodes lack docker.io/library/fanfold-submit:1" in capsys.readouterr().err


def test_without_a_checkout_the_missing_images_are_named(minikube, tools, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(images, "manifests", lambda: tmp_path / "argo")
    assert deploy() == 3
    told = capsys.readouterr().err
    assert "fanfold-submit:1 are missing" in told and "`make images ENGINE=minikube PROFILE=lab` in a checkout" in told
    assert not minikube.calls("apply -k")


@pytest.mark.thorough
def test_a_tool_that_is_missing_or_fails_is_named(minikube, capsys, monkeypatch, tmp_path):
    monkeypatch.undo()
    where = minikube.folder
    monkeypatch.setenv("PATH", f"{where}:{Path(shutil.which('sh') or '').parent}")
    assert deploy() == 3
    assert "minikube is not installed" in capsys.readouterr().err
    (where / "minikube").write_text("#!/bin/sh\necho no such profile >&2; exit 7\n")
    (where / "minikube").chmod(0o755)
    assert deploy() == 1
    assert "`minikube --profile lab image ls` failed with status 7: no such profile" in capsys.readouterr().err


@pytest.mark.thorough
def test_the_demo_has_its_users_and_no_random_admin(minikube, tools, capsys):
    assert deploy("--demo") == 0
    told = capsys.readouterr()
    assert "user      guest   (password: password)" in told.out and "user      admin" in told.out
    assert "Next: fanfold login http://192.0.2.7:30002 --user guest" in told.err
    ran = [call.words.partition("-- python -m fanfold_auth ")[2] for call in minikube.calls("exec")]
    assert ran == ["demo", "migrate"]
    minikube.answer("fanfold_auth demo", "")
    assert deploy("--demo") == 0
    assert "the demo's users exist already" in capsys.readouterr().err


def test_what_the_command_prints_is_the_demos_password():
    assert verb.DEMO_PASSWORD == demo.PASSWORD


@pytest.mark.parametrize(
    "node",
    [
        {"metadata": {"labels": {"minikube.k8s.io/name": "$(shell id)"}}},
        {"metadata": {"labels": {"minikube.k8s.io/name": "-p"}}},
        {"spec": {"providerID": "kind://rm/lab/lab-control-plane"}},
        {"spec": {"providerID": "kind://docker/lab/--privileged"}},
        {"spec": {"providerID": "aws:///eu/i-1"}},
    ],
)
def test_what_a_node_says_is_no_command(kubectl, node):
    kubectl.answer("get nodes", {"items": [node]})
    assert clusters.find_local_cluster(Kubectl("fanfold")) is None


def test_the_demo_has_no_admin_of_another_name(capsys):
    assert deploy("--demo", "--admin", "ada") == 2
    assert "--demo creates its own admin" in capsys.readouterr().err


def test_no_demo_where_others_could_reach_it(kubectl, capsys):
    assert deploy("--demo") == 3
    assert "--demo is for minikube and kind alone" in capsys.readouterr().err
    assert not kubectl.calls(" (apply|create|exec) ")


def test_a_build_that_fails_points_to_its_lines(minikube, tools, capsys, monkeypatch):
    monkeypatch.setattr(images, "run_shown", programs.run_shown)
    make = minikube.folder / "make"
    make.write_text("#!/bin/sh\necho no space left; exit 2\n")
    make.chmod(0o755)
    assert deploy() == 1
    told = capsys.readouterr().err
    assert told.count("no space left") == 1
    assert "PROFILE=lab` failed with status 2; its last lines above say why" in told
    assert not minikube.calls("apply -k")


def test_an_argo_that_does_not_start_is_told_with_where_to_look(minikube, tools, capsys):
    minikube.answer("api-resources", "")
    minikube.answer("rollout status", error="error: timed out waiting for the condition")
    assert deploy("--timeout", "7") == 1
    told = capsys.readouterr().err
    assert "doesn't run after 7 s (error: timed out waiting for the condition): see `kubectl -n argo get pods`" in told


def changes(kubectl):
    return [
        call.words.removeprefix("--namespace=").replace(str(manifests()), "…")
        for call in kubectl.calls(" (apply|set|rollout|create|exec) ")
    ]


@pytest.mark.thorough
def test_argo_is_installed_where_it_is_missing_with_what_fanfold_needs(minikube, tools):
    minikube.answer("api-resources", "")
    deploy()
    begun, installed, settings, requeue, waited, done = changes(minikube)[:6]
    assert begun == done == "fanfold apply -f -"
    assert installed == f"argo apply --server-side --force-conflicts -f {argo.MANIFEST}"
    assert settings == "argo apply --server-side --field-manager=fanfold -f …/argo-workflows/controller.yaml"
    assert requeue == " ".join(["argo set env deployment/workflow-controller DEFAULT_REQUEUE_TIME=1s", *argo.PROGRESS])
    assert waited == "argo rollout status deployment/workflow-controller --timeout=300s"
    states = [json.loads(call.stdin)["metadata"]["annotations"] for call in minikube.calls("apply -f -")[:2]]
    assert states == [{"fanfold.dev/argo": "begun"}, {"fanfold.dev/argo": argo.VERSION}]


@pytest.mark.parametrize(
    ("annotations", "is_touched"),
    [(None, False), ({argo.ANNOTATION: argo.VERSION}, False), ({argo.ANNOTATION: "begun"}, True),
     ({argo.ANNOTATION: "v3.6.0"}, True)],
)  # fmt: skip
def test_argo_is_completed_and_updated_only_where_fanfold_installed_it(kubectl, annotations, is_touched):
    if annotations:
        kubectl.answer("get namespace argo", {"metadata": {"annotations": annotations}})
    argo.ensure(Kubectl("fanfold"), argo.MANIFEST, 10, lambda line: None)
    assert bool(changes(kubectl)) is is_touched


def test_argos_manifest_can_be_a_file(minikube, tools, capsys, tmp_path, monkeypatch):
    minikube.answer("api-resources", "")
    minikube.answer("--force-conflicts", error="error: the path does not exist")
    monkeypatch.setenv("FANFOLD_ARGO", str(tmp_path / "argo.yaml"))
    assert deploy() == 3
    told = capsys.readouterr().err
    assert f"can't be installed from {tmp_path / 'argo.yaml'}: error: the path does not exist" in told
    assert "--argo FILE" in told


@pytest.mark.thorough
def test_on_other_clusters_argo_is_installed_only_if_asked_for(kubectl):
    kubectl.answer("api-resources", "")
    assert deploy() == 3
    assert not changes(kubectl)
    assert deploy("--argo", "argo.yaml") == 3  # the stand-in's cluster still knows no Workflows
    assert any(" --force-conflicts -f argo.yaml" in change for change in changes(kubectl))


@pytest.mark.thorough
def test_other_clusters_get_their_images_elsewhere(kubectl, tools, capsys):
    kubectl.render(NAMESPACE, DEPLOYMENT, *SERVICES, SETTINGS, using("fanfold-auth:1"))
    assert main.run(["deploy", "--overlay", "minikube"]) == 0
    assert main.run(["deploy", "--overlay", "minikube", "--images", "all"]) == 3
    assert "push them to the registry" in capsys.readouterr().err
    assert tools.run == []
