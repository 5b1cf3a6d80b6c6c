"""What every overlay promises, read from what kustomize makes of it."""

import json
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from fanfold_client.cluster.etcd.tls import HOLDERS
from fanfold_client.cluster.requests import Requests, requests_of
from tests.argo.rendering import ARGO, OVERLAYS, Manifest, of_kind, overlay, pod_specs, render, settings

ON_ONE_MACHINE = [name for name in OVERLAYS if not name.startswith("production")]
"""Those in one namespace, on NodePorts; test_production.py has the others."""
PVC = [name for name in ON_ONE_MACHINE if not name.endswith("-s3")]
S3 = [name for name in ON_ONE_MACHINE if name.endswith("-s3")]
OF_SERVER = {"argo-ui-workflows": "argo-ui"}
"""Bindings that aren't named as their account."""
WITH_UI = [name for name in OVERLAYS if name.startswith(("kind", "minikube", "production"))]
TOKEN = {"submit", "argo-ui"}
"""Who of our own pods may talk to the API server."""


def test_every_overlay_comes_with_a_claim_and_with_s3():
    assert PVC == ["kind", "minikube", "test"]
    with_claims = [name for name in OVERLAYS if not name.endswith("-s3")]
    assert sorted([*with_claims, *(f"{name}-s3" for name in with_claims)]) == [*OVERLAYS]


@pytest.mark.parametrize("name", OVERLAYS)
def test_pods_satisfy_the_restricted_standard(name):
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/, rule by rule."""
    for whose, spec in pod_specs(overlay(name)):
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), whose
        security = spec["securityContext"]
        assert security["runAsNonRoot"] is True and security["runAsUser"] > 0, whose
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, whose
        for volume in spec["volumes"]:
            assert volume.keys() - {"name"} <= {"emptyDir", "secret", "configMap", "persistentVolumeClaim"}, whose
        for container in spec["containers"] + spec.get("initContainers", []):
            own = container["securityContext"]
            assert own["allowPrivilegeEscalation"] is False, whose
            assert own["capabilities"] == {"drop": ["ALL"]}, whose
            assert own["readOnlyRootFilesystem"] is True, whose
            assert "privileged" not in own and "hostPort" not in str(container.get("ports")), whose


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_namespace_enforces_that_standard(name):
    for namespace in of_kind(overlay(name), "Namespace").values():
        assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("name", OVERLAYS)
def test_containers_have_requests_limits_and_probes(name):
    for whose, spec in pod_specs(overlay(name)):
        for container in spec["containers"]:
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}, whose
            assert container["resources"]["limits"].keys() == {"cpu", "memory"}, whose
            assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys(), whose
            assert {"name": "tmp", "mountPath": "/tmp"} in container["volumeMounts"], whose
            assert container["imagePullPolicy"] == "IfNotPresent", whose


@pytest.mark.parametrize("name", ON_ONE_MACHINE)
def test_all_pods_together_leave_room_on_two_cores(name):
    asked = requests_of(overlay(name))
    assert sum(asked.values(), Requests()).cpu <= Decimal("0.5")
    assert asked["etcd"] == Requests(Decimal("0.075"), Decimal(3 * 64 * 2**20), Decimal(3 * 4 * 2**30))


@pytest.mark.parametrize("service", ["auth", "submit"])
def test_services_have_two_replicas_that_leave_gently(service):
    deployment = of_kind(overlay("test"), "Deployment")[service]
    spec = deployment["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert deployment["spec"]["replicas"] == 2
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", "5"]
    assert spec["terminationGracePeriodSeconds"] == 40
    assert of_kind(overlay("test"), "PodDisruptionBudget")[service]["spec"]["minAvailable"] == 1


@pytest.mark.parametrize("name", OVERLAYS)
def test_nobody_runs_as_the_default_account_and_only_those_that_need_it_have_a_token(name):
    accounts = of_kind(overlay(name), "ServiceAccount")
    for whose, spec in pod_specs(overlay(name)):
        assert spec["serviceAccountName"] in accounts, whose
        assert spec["automountServiceAccountToken"] is (whose.split()[1] in TOKEN), whose


@pytest.mark.parametrize("name", OVERLAYS)
def test_rights_are_the_least(name):
    """A job's pods report to Argo; submit handles Workflows and reads pods; nobody sees beyond the namespace."""
    roles = {role: _rights(item) for role, item in of_kind(overlay(name), "Role").items()}
    assert any("argo-ui" in role for role in roles) == (name in WITH_UI)
    assert {role: rights for role, rights in roles.items() if "argo-ui" not in role} == {
        "fanfold-steps": {"argoproj.io/workflowtaskresults: create patch"},
        "fanfold-submit": {
            "argoproj.io/workflows: create delete get list patch update watch",
            "/pods: get list watch",
            "/pods/log: get list watch",
            "/secrets: create delete",
        },
    }
    assert not of_kind(overlay(name), "ClusterRole") and not of_kind(overlay(name), "ClusterRoleBinding")
    for binding, item in of_kind(overlay(name), "RoleBinding").items():
        assert item["roleRef"]["name"] == binding
        (who,) = item["subjects"]
        accounts = of_kind(overlay(name), "ServiceAccount")
        assert (who["kind"], who["name"]) == ("ServiceAccount", OF_SERVER.get(binding, binding))
        assert who["namespace"] == accounts[who["name"]]["metadata"]["namespace"]


LOOKS = {
    *(f"argoproj.io/{kind}: get list watch" for kind in (
        "workflows", "workflowtemplates", "cronworkflows", "workfloweventbindings", "eventsources", "sensors")),
    "/events: list watch",
}  # fmt: skip


@pytest.mark.parametrize("name", WITH_UI)
def test_in_the_argo_ui_admins_alone_change_workflows_and_read_logs(name):
    roles = {role: _rights(item) for role, item in of_kind(overlay(name), "Role").items()}
    assert roles["argo-ui-viewer"] == roles["argo-ui-submitter"] == LOOKS
    assert roles["argo-ui-admin"] - LOOKS == {
        "argoproj.io/workflows: patch update",
        "/pods: get list watch", "/pods/log: get list watch", "/pods: delete",
    }  # fmt: skip


@pytest.mark.parametrize("name", WITH_UI)
def test_the_argo_uis_server_reads_no_secret_but_its_own(name):
    tokens = {f"argo-ui-{role}.service-account-token" for role in ("viewer", "submitter", "admin")}
    for role, own in (("argo-ui", {"sso", "argo-ui-client"}), ("argo-ui-workflows", tokens)):
        (read,) = [rule for rule in of_kind(overlay(name), "Role")[role]["rules"] if "secrets" in rule["resources"]
                   and rule["verbs"] != ["create"]]  # fmt: skip
        assert read["verbs"] == ["get"] and set(read["resourceNames"]) == own


@pytest.mark.parametrize("name", WITH_UI)
def test_roles_choose_who_one_is_in_the_argo_ui_the_most_powerful_first(name):
    manifests = overlay(name)
    rules = {}
    for account, item in of_kind(manifests, "ServiceAccount").items():
        annotations = item["metadata"].get("annotations", {})
        if rule := annotations.get("workflows.argoproj.io/rbac-rule"):
            rules[account] = rule, annotations["workflows.argoproj.io/rbac-rule-precedence"]
            token = of_kind(manifests, "Secret")[f"{account}.service-account-token"]
            assert token["metadata"]["annotations"]["kubernetes.io/service-account.name"] == account
    assert rules == {
        "argo-ui-viewer": ("'viewer' in groups", "1"),
        "argo-ui-submitter": ("'submitter' in groups", "2"),
        "argo-ui-admin": ("'admin' in groups", "3"),
    }


@pytest.mark.parametrize("name", OVERLAYS)
def test_etcd_is_three_members_on_volumes_of_their_own(name):
    etcd = of_kind(overlay(name), "StatefulSet")["etcd"]["spec"]
    arguments = etcd["template"]["spec"]["containers"][0]["args"]
    assert etcd["replicas"] == 3 and etcd["podManagementPolicy"] == "Parallel"
    assert "--auto-compaction-retention=1h" in arguments
    assert any(argument.startswith("--quota-backend-bytes=") for argument in arguments)
    assert [template["metadata"]["name"] for template in etcd["volumeClaimTemplates"]] == ["data"]
    service = of_kind(overlay(name), "Service")["etcd"]["spec"]
    assert service["clusterIP"] == "None" and service["publishNotReadyAddresses"] is True


@pytest.mark.parametrize("name", ON_ONE_MACHINE)
def test_network_policies_deny_what_they_do_not_name(name):
    policies = of_kind(overlay(name), "NetworkPolicy")
    assert policies["fanfold-deny"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (clients, peers) = policies["fanfold-etcd"]["spec"]["ingress"]
    assert clients["ports"] == [{"protocol": "TCP", "port": 2379}]
    assert clients["from"][0]["podSelector"]["matchExpressions"][0]["values"] == ["auth", "submit"]
    assert {port["port"] for port in peers["ports"]} == {2382, 2380}


@pytest.mark.parametrize("name", ON_ONE_MACHINE)
def test_only_what_is_named_may_lie_outside_the_installation(name):
    """What goes to addresses goes to private ones, by the ports of names and of the API server."""
    allowed = {
        (peer["ipBlock"]["cidr"], port["port"])
        for policy in of_kind(overlay(name), "NetworkPolicy").values()
        for rule in policy["spec"].get("egress", [])
        for peer in rule["to"]
        if "ipBlock" in peer
        for port in rule["ports"]
    }
    private = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"}
    assert allowed == {(cidr, port) for cidr in private for port in (53, 443, 6443, 8443)} | {("169.254.20.10/32", 53)}


@pytest.mark.parametrize("name", ON_ONE_MACHINE)
def test_https_outside_can_be_opened(name, tmp_path):
    manifests = render(_in_namespace("elsewhere", name, tmp_path, ["https-anywhere"]))
    (rule,) = of_kind(manifests, "NetworkPolicy")["fanfold-api-server"]["spec"]["egress"]
    assert rule == {"ports": [{"protocol": "TCP", "port": port} for port in (443, 6443, 8443)]}


@pytest.mark.parametrize("name", PVC)
def test_with_a_claim_submit_mounts_it(name):
    submit = of_kind(overlay(name), "Deployment")["submit"]["spec"]["template"]["spec"]
    claim = of_kind(overlay(name), "PersistentVolumeClaim")["fanfold-data"]
    # kind's volumes can't be shared between nodes, and it has one node.
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce" if name == "kind" else "ReadWriteMany"]
    assert {"name": "data", "mountPath": "/data"} in submit["containers"][0]["volumeMounts"]
    given = settings(overlay(name), "submit")
    assert (given["FANFOLD_SUBMIT_STORE"], given["FANFOLD_SUBMIT_CLAIM"]) == ("file:///data/", "fanfold-data")


@pytest.mark.parametrize("name", S3)
def test_with_s3_there_is_minio_and_no_claim_to_share(name):
    submit = of_kind(overlay(name), "Deployment")["submit"]["spec"]["template"]["spec"]
    assert "/data" not in str(submit["containers"][0]["volumeMounts"])
    assert [volume["name"] for volume in submit["volumes"]] == ["etcd", "tmp"]
    assert of_kind(overlay(name), "PersistentVolumeClaim").keys() == {"fanfold-minio"}
    assert of_kind(overlay(name), "Service")["minio"]["spec"]["ports"][0]["port"] == 9000
    given = settings(overlay(name), "submit")
    assert given["FANFOLD_SUBMIT_STORE"] == "s3://fanfold/" and not given["FANFOLD_SUBMIT_CLAIM"]
    assert given["AWS_ENDPOINT_URL"] == "http://minio:9000"
    assert "FANFOLD_SUBMIT_S3_SECRET" not in given, "each job gets credentials of its own"


@pytest.mark.parametrize("name", ON_ONE_MACHINE)
def test_node_ports_and_what_users_are_told_agree(name):
    services = of_kind(overlay(name), "Service")
    ports = {service: services[service]["spec"]["ports"][0] for service in ("auth", "submit")}
    assert (ports["auth"]["port"], ports["auth"]["nodePort"]) == (1337, 30001)
    assert (ports["submit"]["port"], ports["submit"]["nodePort"]) == (1338, 30002)
    assert settings(overlay(name), "submit")["FANFOLD_SUBMIT_AUTH_URL"] == "http://{host}:30001"
    if name in WITH_UI:
        port = services["argo-ui"]["spec"]["ports"][0]
        assert (port["port"], port["nodePort"]) == (2746, 30003)


@pytest.mark.parametrize("name", OVERLAYS)
def test_no_secret_is_written_down(name):
    """Kubernetes fills in the tokens of accounts itself."""
    for secret in of_kind(overlay(name), "Secret").values():
        assert secret["type"] == "kubernetes.io/service-account-token" and not {"data", "stringData"} & secret.keys()


def test_users_get_the_images_of_this_version():
    """`make images` tags by the version of the project; the manifests must ask for the same."""
    version = tomllib.loads((ARGO.parent / "pyproject.toml").read_text())["project"]["version"]
    images = {spec["containers"][0]["image"] for _, spec in pod_specs(overlay("minikube-s3"))}
    images.add(settings(overlay("minikube-s3"), "submit")["FANFOLD_SUBMIT_STEPS_IMAGE"])
    own = {f"fanfold-{name}:{version}" for name in ("steps", "auth", "submit", "minio")}
    assert own < images and {image.split(":")[0] for image in images - own} == {
        "quay.io/coreos/etcd", "quay.io/argoproj/argocli",
    }  # fmt: skip


@pytest.mark.parametrize("name", ON_ONE_MACHINE)
def test_another_namespace_is_followed_everywhere(name, tmp_path):
    """As `fanfold deploy --namespace` does it: nothing of the default namespace is left."""
    manifests = render(_in_namespace("elsewhere", name, tmp_path, []))
    assert {item["metadata"].get("namespace", "elsewhere") for item in manifests} == {"elsewhere"}
    assert of_kind(manifests, "Namespace").keys() == {"elsewhere"}
    for binding in of_kind(manifests, "RoleBinding").values():
        assert {who["namespace"] for who in binding["subjects"]} == {"elsewhere"}


@pytest.mark.parametrize("name", ON_ONE_MACHINE)
def test_node_ports_can_be_left_out(name, tmp_path):
    manifests = render(_in_namespace("elsewhere", name, tmp_path, ["no-nodeports"]))
    for service in of_kind(manifests, "Service").values():
        assert service["spec"].get("type", "ClusterIP") == "ClusterIP"
        assert "nodePort" not in service["spec"]["ports"][0]
    assert settings(manifests, "submit")["FANFOLD_SUBMIT_AUTH_URL"] == "http://{host}:1337"


def _in_namespace(namespace: str, name: str, folder: Path, components: list[str]) -> Path:
    argo = Path(*[".."] * len(folder.resolve().parts[1:])) / ARGO.relative_to("/")
    places = {
        "resources": [f"{argo}/overlays/{name}"],
        "components": [f"{argo}/components/{each}" for each in components],
    }
    (folder / "kustomization.yaml").write_text(json.dumps({"namespace": namespace} | places))
    return folder


def _rights(role: Manifest) -> set[str]:
    return {
        f"{group}/{resource}: {' '.join(sorted(rule['verbs']))}"
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


@pytest.mark.parametrize("name", OVERLAYS)
def test_etcd_talks_by_tls_alone_and_services_have_their_own_certificate(name):
    (container,) = of_kind(overlay(name), "StatefulSet")["etcd"]["spec"]["template"]["spec"]["containers"]
    clear = [arg for arg in container["args"] if "http://" in arg]
    assert clear == ["--listen-metrics-urls=http://0.0.0.0:2381"]
    assert {"--client-cert-auth=true", "--peer-client-cert-auth=true", "--peer-cert-allowed-cn=etcd"} <= {
        *container["args"]
    }
    for service in ("auth", "submit"):
        pod = of_kind(overlay(name), "Deployment")[service]["spec"]["template"]["spec"]
        held = [volume["secret"]["secretName"] for volume in pod["volumes"] if volume["name"] == "etcd"]
        assert held == [f"fanfold-etcd-{service}"]
        assert settings(overlay(name), service)["ETCDCTL_CERT"] == "/run/fanfold/etcd/tls.crt"


def test_cert_manager_makes_the_certificates_that_deploy_would(tmp_path):
    folder = _in_namespace("fanfold", "test", tmp_path, ["etcd-cert-manager"])
    made = {item["spec"]["secretName"]: item["spec"] for item in of_kind(render(folder), "Certificate").values()}
    for holder in HOLDERS:
        certificate = made.pop(holder.secret)
        hosts = (*certificate.get("dnsNames", ()), *certificate.get("ipAddresses", ()))
        assert (certificate["commonName"], hosts) == (holder.name, holder.hosts)
        assert ("server auth" in certificate["usages"], "client auth" in certificate["usages"]) == (bool(hosts), True)
    assert made.keys() == {"fanfold-etcd-ca"}
