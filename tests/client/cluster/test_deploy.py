"""`fanfold deploy` and `undeploy`: what they ask of kubectl, what they say, and the status they leave with."""

import base64
import json
import re
import sys
from pathlib import Path

import pytest

from fanfold_client import main
from fanfold_client.api.problems import NotFound, Refused
from fanfold_client.cluster import installation, overlay, rollout
from tests.client.cluster.kubectl_stand_in import StandIn
from tests.client.services import Typed

OURS = {"app.kubernetes.io/part-of": "fanfold"}
NAMESPACE = {
    "kind": "Namespace",
    "metadata": {"name": "fanfold", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
}
DEPLOYMENT = {
    "kind": "Deployment",
    "metadata": {"name": "auth"},
    "spec": {"template": {"spec": {"volumes": [{"secret": {"secretName": "fanfold-auth-kek"}}]}}},
}
SERVICES = [
    {"kind": "Service", "metadata": {"name": name}, "spec": {"ports": [{"port": port, "nodePort": node}]}}
    for name, port, node in (("auth", 1337, 30001), ("submit", 1338, 30002))
]
EXECUTOR = {"executor": "securityContext: {runAsNonRoot: true}"}
CONTROLLER = {"metadata": {"name": "workflow-controller-configmap", "namespace": "argo"}, "data": EXECUTOR}
NODE = {"status": {"addresses": [{"type": "InternalIP", "address": "192.0.2.7"}]}}


def standing(name="auth", replicas=2, ready=2):
    return {
        "kind": "Deployment",
        "metadata": {"name": name, "generation": 1},
        "spec": {"replicas": replicas},
        "status": {"observedGeneration": 1, "replicas": replicas, "updatedReplicas": replicas, "readyReplicas": ready},
    }


def api_server(address, port=6443):
    return {"endpoints": [{"addresses": [address]}], "ports": [{"name": "https", "port": port}]}


def pod(status, name="auth-1", conditions=()):
    container = {"name": "auth", "image": "fanfold-auth:0.1.0", "ready": False, "restartCount": 2} | status
    status = {"conditions": list(conditions), "containerStatuses": [container]}
    return {"kind": "Pod", "metadata": {"name": name}, "status": status}


@pytest.fixture
def kubectl(tmp_path, monkeypatch):
    """A cluster on which nothing is installed yet and everything then goes well."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    stand_in = StandIn(folder)
    stand_in.render(NAMESPACE, DEPLOYMENT, *SERVICES)
    stand_in.answer("api-resources", "workflows.argoproj.io\nworkflowtemplates.argoproj.io\n")
    stand_in.answer("get configmaps", {"items": [CONTROLLER]})
    stand_in.answer("get services", {"items": []})
    stand_in.answer("get nodes", {"items": [NODE]})
    stand_in.answer("get endpointslices", {"items": [api_server("10.0.0.5")]})
    stand_in.answer("get events", {"items": []})
    stand_in.answer("get deployments,", {"items": [standing()]})
    monkeypatch.setattr(installation, "_answers", lambda url: url is not None)  # nobody has the node's address
    return stand_in


def deploy(*options):
    return main.run(["deploy", "--overlay", "minikube", *options])


@pytest.mark.thorough
def test_a_deployment_is_applied_watched_and_given_an_admin(kubectl, capsys):
    assert deploy() == 0
    out = capsys.readouterr().out
    (applied,) = kubectl.calls("apply -k")
    (admin,) = kubectl.calls("exec -i")
    assert applied.kept["exists"] and applied.kept["kustomization.yaml"]["namespace"] == "fanfold"
    assert "exec -i deployment/auth -- python -m fanfold_auth admin admin --password-stdin --first" in admin.words
    assert len(admin.stdin.strip()) >= 20 and f"password  {admin.stdin}" in out
    assert "http://192.0.2.7:30002" in out and "http://192.0.2.7:30001" in out
    assert all(call.words.startswith("--namespace=fanfold ") for call in kubectl.calls())


@pytest.mark.thorough
def test_the_namespace_and_then_the_secrets_come_before_the_rest(kubectl):
    assert deploy() == 0
    changes = [call.words.removeprefix("--namespace=fanfold ") for call in kubectl.calls(" (apply|create|exec) ")]
    assert [change.split(" /")[0].split(" deployment")[0] for change in changes] == [
        "apply -f -", "create -f -", "apply -k", "exec -i", "exec",
    ]  # fmt: skip


@pytest.mark.thorough
def test_secrets_are_random_and_never_on_a_command_line(kubectl):
    assert (deploy(), deploy()) == (0, 0)
    first, second = (json.loads(call.stdin) for call in kubectl.calls("create -f -"))
    assert first["metadata"] == {"name": "fanfold-auth-kek", "namespace": "fanfold", "labels": OURS}
    assert len(base64.b64decode(first["stringData"]["kek"])) == 32 and first["stringData"] != second["stringData"]
    everything = " ".join(call.words for call in kubectl.calls())
    passwords = [call.stdin.strip() for call in kubectl.calls("exec -i")]
    assert not any(secret in everything for secret in [first["stringData"]["kek"], *passwords])


@pytest.mark.thorough
def test_a_secret_that_is_there_is_left_alone(kubectl):
    kubectl.answer("get secret fanfold-auth-kek", "secret/fanfold-auth-kek\n")
    assert deploy() == 0
    assert not kubectl.calls("create -f -")


@pytest.mark.thorough
def test_the_key_of_s3_is_made_only_where_something_refers_to_it(kubectl):
    reference = {"env": [{"valueFrom": {"secretKeyRef": {"name": "fanfold-s3", "key": "AWS_ACCESS_KEY_ID"}}}]}
    referring = {"kind": "ReplicaSet", "metadata": {"name": "x"}} | reference
    minio = {"kind": "Deployment", "metadata": {"name": "minio"}, "spec": {"template": {"spec": {}}}}
    kubectl.answer("get deployments,", {"items": [standing(), standing("minio")]})
    kubectl.render(NAMESPACE, DEPLOYMENT, *SERVICES, referring, minio)
    assert deploy("--storage", "s3") == 0
    secrets = [json.loads(call.stdin) for call in kubectl.calls("create -f -")]
    assert [each["metadata"]["name"] for each in secrets] == ["fanfold-auth-kek", "fanfold-s3"]
    assert secrets[1]["stringData"].keys() == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert len(secrets[1]["stringData"]["AWS_SECRET_ACCESS_KEY"]) >= 40
    (applied,) = kubectl.calls("apply -k")
    assert applied.kept["kustomization.yaml"]["resources"][0].endswith("/overlays/minikube-s3")


@pytest.mark.thorough
def test_the_key_of_an_s3_server_outside_is_asked_for(kubectl, capsys):
    reference = {"env": [{"valueFrom": {"secretKeyRef": {"name": "fanfold-s3", "key": "AWS_ACCESS_KEY_ID"}}}]}
    kubectl.render(NAMESPACE, DEPLOYMENT, {"kind": "ReplicaSet", "metadata": {"name": "x"}} | reference)
    assert deploy() == 5
    assert "kubectl -n fanfold create secret generic fanfold-s3 --from-literal" in capsys.readouterr().err
    assert not kubectl.calls("create -f -") and not kubectl.calls("apply -k")


@pytest.mark.thorough
def test_where_there_is_an_admin_no_password_is_printed(kubectl, capsys):
    kubectl.answer(
        "exec -i", error="fanfold_auth: there is an admin already\ncommand terminated with exit code 5", status=5
    )
    assert deploy() == 0
    told = capsys.readouterr()
    assert "password" not in told.out and "there is an admin already" in told.err


@pytest.mark.thorough
def test_an_admin_that_cannot_be_made_is_an_error(kubectl, capsys):
    kubectl.answer(
        "exec -i", error="fanfold_auth: 'X y' is not a user name\ncommand terminated with exit code 3", status=3
    )
    assert deploy("--admin", "X y") == 1
    assert "is not a user name" in capsys.readouterr().err


@pytest.mark.thorough
def test_options_reach_kubectl_and_the_kustomization(kubectl, tmp_path):
    config = tmp_path / "config"
    config.touch()
    assert deploy("--namespace", "team-a", "--context", "lab", "--kubeconfig", str(config), "--no-nodeports") == 0
    where = f"--namespace=team-a --context=lab --kubeconfig={config} "
    assert all(call.words.startswith(where) for call in kubectl.calls())
    kustomization = kubectl.calls("apply -k")[0].kept["kustomization.yaml"]
    assert kustomization["namespace"] == "team-a"
    assert [path.rpartition("/")[2] for path in kustomization["components"]] == ["no-nodeports"]


@pytest.mark.thorough
def test_without_node_ports_the_way_in_is_port_forwarding(kubectl, capsys):
    kubectl.render(NAMESPACE, DEPLOYMENT)
    assert deploy("--no-nodeports") == 0
    told = capsys.readouterr()
    assert "kubectl -n fanfold port-forward service/submit 1338\n" in told.out
    assert "kubectl -n fanfold port-forward service/auth 1337\n" in told.out
    assert "Next: fanfold login --forward --user admin" in told.err


@pytest.mark.thorough
def test_json_is_one_object_with_all_there_is_to_know(kubectl, capsys):
    assert deploy("--json", "--admin", "ada") == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "namespace": "fanfold",
        "url": "http://192.0.2.7:30002",
        "auth_url": "http://192.0.2.7:30001",
        "argo_ui": None,
        "admin": "ada",
        "password": kubectl.calls("exec -i")[0].stdin.strip(),
        "demo_users": [],
        "is_reachable": True,
        "requests": {"cpu": 0, "memory": 0, "disk": 0},
    }


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("said", "status", "advice"),
    [
        ("The connection to the server localhost:8080 was refused - did you specify …?", 6, "minikube start"),
        ("Unable to connect to the server: dial tcp 10.0.0.1:6443: i/o timeout", 6, "--context"),
        ('Error from server (Forbidden): services is forbidden: User "u" cannot', 4, "--kubeconfig"),
        ("error: You must be logged in to the server (Unauthorized)", 4, "--context"),
        ('error: context "nowhere" does not exist', 5, "nowhere"),
        ('The Service "auth" is invalid: spec.ports[0].nodePort: provided port is already allocated', 5, "nodeports"),
        ("The StatefulSet is invalid: spec: Forbidden: updates to statefulset spec for fields", 5, "fanfold undeploy"),
        ("error: unable to decode", 3, "unable to decode"),
    ],
)
def test_what_kubectl_complains_of_becomes_a_status_and_advice(kubectl, capsys, said, status, advice):
    kubectl.answer("apply -k", error=said)
    assert deploy() == status
    told = capsys.readouterr().err
    assert said in told and advice in told


def test_without_kubectl_nothing_can_be_done(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert deploy() == 3
    assert "kubectl is not installed" in capsys.readouterr().err


def test_a_cluster_without_argo_is_refused_before_anything_changes(kubectl, capsys):
    kubectl.answer("api-resources", "")
    assert deploy() == 3
    told = capsys.readouterr().err
    assert re.search(r"kubectl apply .*/argo-workflows/releases/download/v3\.7\.\d+/install\.yaml", told)
    assert not kubectl.calls(" (apply|create|exec) ")


def test_an_argo_whose_pods_would_be_refused_is_refused(kubectl, capsys):
    kubectl.answer("get configmaps", {"items": [CONTROLLER | {"data": {}}]})
    assert deploy() == 3
    told = capsys.readouterr().err
    command = re.search(r"kubectl apply --server-side --namespace argo --field-manager fanfold --filename (\S+)", told)
    assert command and overlay.manifests().joinpath("argo-workflows/controller.yaml").samefile(command[1])
    assert not kubectl.calls(" (apply|create|exec) ")


def test_a_node_port_of_somebody_else_is_refused_before_anything_changes(kubectl, capsys):
    kubectl.answer("get services", {"items": [SERVICES[1] | {"metadata": {"name": "submit", "namespace": "old"}}]})
    assert deploy() == 5
    assert "NodePort 30002 is used by the Service submit in namespace old" in capsys.readouterr().err
    assert not kubectl.calls(" (apply|create|exec) ")


def policy(**rule):
    ports = [{"protocol": "TCP", "port": port} for port in (443, 6443)]
    spec = {"egress": [{"ports": ports} | rule]}
    return {"kind": "NetworkPolicy", "metadata": {"name": "fanfold-api-server"}, "spec": spec}


POLICY = policy(to=[{"ipBlock": {"cidr": "10.0.0.0/8"}}, {"ipBlock": {"cidr": "fc00::/7"}}])
OPEN_POLICY = policy()


@pytest.mark.parametrize(
    ("address", "port", "given"),
    [
        ("192.0.2.1", 443, POLICY),
        ("2001:db8::1", 443, POLICY),
        ("10.0.0.5", 16443, POLICY),
        ("192.0.2.1", 16443, OPEN_POLICY),
    ],
)
def test_an_api_server_that_the_policy_closes_is_refused_before_anything_changes(kubectl, capsys, address, port, given):
    kubectl.render(NAMESPACE, DEPLOYMENT, given)
    kubectl.answer("get endpointslices", {"items": [api_server("10.0.0.5"), api_server(address, port)]})
    assert deploy() == 3
    told = capsys.readouterr().err
    assert f"doesn't let pods reach the API server at {address}, port {port}" in told
    readme = re.search(r"(/\S+/README\.md) says how \('([^']+)'\)", told)
    assert readme and f"\n## {readme[2]}\n" in Path(readme[1]).read_text()
    assert not kubectl.calls(" (apply|create|exec) ")


@pytest.mark.parametrize(
    ("address", "given"),
    [("10.0.0.5", POLICY), ("fd00::1", POLICY), ("192.0.2.1", OPEN_POLICY), ("2001:db8::1", OPEN_POLICY)],
)
@pytest.mark.thorough
def test_an_api_server_that_the_policy_opens_is_not(kubectl, address, given):
    kubectl.render(NAMESPACE, DEPLOYMENT, given)
    kubectl.answer("get endpointslices", {"items": [api_server(address)]})
    assert deploy() == 0


@pytest.mark.thorough
def test_a_roll_out_that_hangs_is_explained(kubectl, capsys):
    unscheduled = [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes: Insufficient cpu"}]
    crashed = {
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}},
        "lastState": {"terminated": {"exitCode": 6, "reason": "Error"}},
    }
    pods = [pod(crashed), pod({"state": {}}, "auth-2", unscheduled), pod({"state": {"running": {}}}, "auth-3")]
    kubectl.answer("get deployments,", {"items": [standing(ready=0), *pods]})
    event = {"involvedObject": {"name": "auth-3"}, "message": "Readiness probe failed: 503", "lastTimestamp": "1"}
    kubectl.answer("get events", {"items": [event]})
    kubectl.answer("logs auth-1 --tail=10 --previous", "the store does not answer\n")
    assert deploy("--timeout", "1") == 1
    told = capsys.readouterr().err
    assert "waiting for auth 0/2" in told and "Not ready after 1 s: auth 0/2" in told
    assert "auth-1: auth is waiting: CrashLoopBackOff back-off 10s" in told
    assert "auth-1: auth exited with status 6 (Error), started 3 times" in told
    assert "log: the store does not answer" in told
    assert "auth-2: not scheduled: 0/1 nodes: Insufficient cpu" in told
    assert "auth-3: auth is running, but not ready" in told and "event: Readiness probe failed: 503" in told
    assert not kubectl.calls("exec")


@pytest.mark.thorough
def test_an_image_that_is_nowhere_is_told_at_once(kubectl, capsys):
    absent = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}}
    kubectl.answer("get deployments,", {"items": [standing(ready=0), pod(absent)]})
    assert deploy() == 1
    assert "fanfold-auth:0.1.0 of pod auth-1 is not on the node: `make images`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seen", "settled"),
    [
        ({}, True),
        ({"readyReplicas": 1}, False),
        ({"updatedReplicas": 1}, False),
        ({"replicas": 3}, False),  # an old pod is still there
        ({"observedGeneration": 0}, False),  # what was applied hasn't been looked at yet
    ],
)
def test_a_workload_stands_when_all_its_replicas_are_of_the_new_version(seen, settled):
    item = standing()
    assert rollout._workload(item | {"status": item["status"] | seen}).settled is settled


def test_a_rehearsal_changes_nothing(kubectl, capsys):
    kubectl.answer("get namespace", "namespace/fanfold\n")
    kubectl.answer("--dry-run=server", "deployment.apps/auth created (server dry run)\n")
    assert deploy("--dry-run", "server") == 0
    assert capsys.readouterr().out == "deployment.apps/auth created (server dry run)\n"
    changes = kubectl.calls(" (apply|create|exec|delete) ")
    assert len(changes) == 1 and changes[0].words.endswith("--dry-run=server")


@pytest.mark.thorough
def test_the_server_cannot_rehearse_in_a_namespace_that_is_not_there(kubectl, capsys):
    assert deploy("--dry-run", "server") == 5
    assert "kubectl create namespace fanfold" in capsys.readouterr().err
    assert deploy("--dry-run", "client") == 0


def undeploy(*options):
    return main.run(["undeploy", "--overlay", "minikube", *options])


def test_removing_keeps_data_keys_and_namespace(kubectl, capsys):
    kubectl.answer("get namespace", "namespace/fanfold\n")
    assert undeploy("--yes") == 0
    deleted = [call.words.removeprefix("--namespace=fanfold ") for call in kubectl.calls(" delete ")]
    assert deleted[0] == "delete deployment submit --ignore-not-found --cascade=foreground"
    assert deleted[1].startswith("delete workflows.argoproj.io --selector fanfold.dev/job,workflows")
    kinds = deleted[2].split()[1].split(",")
    assert {"deployments", "statefulsets", "roles"} <= set(kinds)
    assert not {"persistentvolumeclaims", "secrets", "namespaces"} & set(kinds) and len(deleted) == 3
    assert "data is kept" in capsys.readouterr().err


@pytest.mark.thorough
def test_removing_with_data_takes_claims_keys_and_namespace_too(kubectl):
    kubectl.answer("get namespace", "namespace/fanfold\n")
    assert undeploy("--yes", "--data", "--json") == 0
    deleted = [call.words.removeprefix("--namespace=fanfold delete ") for call in kubectl.calls(" delete ")]
    assert deleted[3].startswith("persistentvolumeclaims,secrets --selector app.kubernetes.io/part-of=fanfold")
    assert deleted[4].startswith("namespace fanfold") and len(deleted) == 5


@pytest.mark.parametrize(("options", "question"), [([], "Remove Fanfold from"), (["--data"], "and ALL ITS DATA from")])
def test_removing_asks_first(kubectl, capsys, monkeypatch, options, question):
    kubectl.answer("get namespace", "namespace/fanfold\n")
    assert undeploy(*options) == 2
    assert "--yes" in capsys.readouterr().err and not kubectl.calls()
    for answer in ("n\n", "\n", ""):
        monkeypatch.setattr(sys, "stdin", Typed(answer))
        assert undeploy(*options) == 130
        assert f"{question} namespace fanfold? [y/N]" in capsys.readouterr().err and not kubectl.calls()
    monkeypatch.setattr(sys, "stdin", Typed("y\n"))
    assert undeploy(*options) == 0
    assert len(kubectl.calls(" delete ")) == (5 if options else 3)


def test_removing_what_is_not_there(kubectl, capsys):
    assert undeploy("--yes") == 5
    assert "There is no namespace fanfold" in capsys.readouterr().err


def test_an_overlay_is_a_name_or_a_folder_and_s3_its_sibling(tmp_path):
    assert overlay.find_overlay("minikube", None, None).namespace == "fanfold"
    assert overlay.find_overlay("test", "s3", "other") == overlay.Overlay(
        overlay.manifests() / "overlays/test-s3", "other"
    )
    assert overlay.find_overlay("test-s3", "pvc", None).folder.name == "test"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/kustomization.yml").write_text("namespace: own\n")
    assert overlay.find_overlay(str(tmp_path / "mine"), None, None).namespace == "own"
    with pytest.raises(NotFound, match="has no kustomization"):
        overlay.find_overlay(str(tmp_path / "mine"), "s3", None)


def test_an_overlay_without_namespace_needs_one(tmp_path):
    (tmp_path / "kustomization.yaml").write_text("resources: []\n")
    with pytest.raises(Refused, match="--namespace"):
        overlay.find_overlay(str(tmp_path), None, None)
    assert overlay.find_overlay(str(tmp_path), None, "own").namespace == "own"


def test_an_unknown_overlay_names_those_that_there_are(capsys):
    assert main.run(["deploy", "--overlay", "nowhere"]) == 5
    assert "minikube, minikube-s3, production, production-s3, test, test-s3" in capsys.readouterr().err


class Apart:
    """An overlay whose jobs have a namespace of their own."""

    def __init__(self, folder, kubectl):
        annotations = {"fanfold.dev/namespace": "services"}
        (folder / "kustomization.yaml").write_text(json.dumps({"metadata": {"annotations": annotations}}))
        self.folder = str(folder)
        self.objects = [
            {"kind": "Namespace", "metadata": {"name": "services"}},
            {"kind": "Namespace", "metadata": {"name": "jobs"}},
            DEPLOYMENT | {"metadata": {"name": "auth", "namespace": "services"}},
            {"kind": "Role", "metadata": {"name": "fanfold-steps", "namespace": "jobs"}},
        ]
        kubectl.render(*self.objects)


@pytest.fixture
def apart(tmp_path, kubectl):
    (tmp_path / "apart").mkdir()
    return Apart(tmp_path / "apart", kubectl)


@pytest.mark.thorough
def test_objects_of_several_namespaces_are_applied_to_their_own(kubectl, apart):
    assert main.run(["deploy", "--overlay", apart.folder]) == 0
    (applied,) = kubectl.calls("apply -k")
    assert applied.words.startswith("apply -k")
    assert "namespace" not in applied.kept["kustomization.yaml"]
    assert all(call.words.startswith("--namespace=services ") for call in kubectl.calls(" (exec|create) "))


def test_such_an_overlay_keeps_its_namespaces_and_ports(apart, capsys):
    assert main.run(["deploy", "--overlay", apart.folder, "--namespace", "other"]) == 3
    assert "has namespaces of its own, for services (services) and for jobs" in capsys.readouterr().err
    assert main.run(["deploy", "--overlay", apart.folder, "--no-nodeports"]) == 3
    assert main.run(["deploy", "--overlay", apart.folder, "--namespace", "services", "--dry-run", "client"]) == 0


def test_the_server_rehearses_only_where_all_namespaces_are(kubectl, apart, capsys):
    kubectl.answer("get namespace services", "namespace/services\n")
    assert main.run(["deploy", "--overlay", apart.folder, "--dry-run", "server"]) == 5
    assert "kubectl create namespace jobs" in capsys.readouterr().err


@pytest.mark.thorough
def test_it_is_removed_from_each_of_them(kubectl, apart, capsys):
    volume = {"kind": "PersistentVolume", "metadata": {"name": "export"}}
    kubectl.render(*apart.objects, volume)
    kubectl.answer("get namespace", "namespace/services\n")
    assert main.run(["undeploy", "--overlay", apart.folder, "--yes", "--data"]) == 0
    deleted = [call.words for call in kubectl.calls(" delete ")]
    for namespace in ("services", "jobs"):
        assert any(words.startswith(f"--namespace={namespace} delete workflows") for words in deleted)
        assert f"--namespace={namespace} delete namespace {namespace} --ignore-not-found" in deleted
    assert deleted[-1] == "--namespace=services delete persistentvolumes export --ignore-not-found"
    assert "delete it on their server" in capsys.readouterr().err


@pytest.mark.thorough
def test_an_ingress_is_where_people_log_in(kubectl, capsys):
    hosts = {"submit": "fanfold.example.com", "auth": "auth.example.com"}
    ingresses = [
        {
            "kind": "Ingress",
            "metadata": {"name": name},
            "spec": {
                "tls": [{"hosts": [host]}],
                "rules": [{"host": host, "http": {"paths": [{"backend": {"service": {"name": name}}}]}}],
            },
        }
        for name, host in hosts.items()
    ]
    kubectl.render(NAMESPACE, DEPLOYMENT, *ingresses)
    assert deploy() == 0
    told = capsys.readouterr()
    assert "submit    https://fanfold.example.com\n" in told.out and "auth      https://auth.example.com\n" in told.out
    assert "Next: fanfold login https://fanfold.example.com --user admin" in told.err


def test_names_of_an_example_are_not_installed(kubectl, capsys):
    ingress = {"kind": "Ingress", "metadata": {"name": "submit"}, "spec": {"rules": [{"host": "a.example.org"}]}}
    kubectl.render(NAMESPACE, DEPLOYMENT, ingress)
    assert deploy() == 3
    told = capsys.readouterr().err
    assert "names of an example (example.org), in Ingress submit" in told
    readme = re.search(r"(/\S+/README\.md) says how \('([^']+)'\)", told)
    assert readme and f"\n## {readme[2]}\n" in Path(readme[1]).read_text()
    assert not kubectl.calls(" (apply|create|exec) ")


def test_cert_manager_must_be_there_for_its_certificates(kubectl, capsys):
    kubectl.render(NAMESPACE, DEPLOYMENT, {"kind": "Certificate", "metadata": {"name": "ca"}, "spec": {}})
    assert deploy() == 3
    assert "cert-manager, which is not installed" in capsys.readouterr().err
    assert not kubectl.calls(" (apply|create|exec) ")
