"""What runs on the node before any test does: the cluster's names (CoreDNS), its NetworkPolicies, Argo Workflows."""

import json
import os
import urllib.error
import urllib.request
from pathlib import Path

from . import images, network
from .layout import ARGO_NAMESPACE, ARGO_SERVER, ARGO_SERVER_PORT, CONFIG, DNS_SERVICE
from .shell import run
from .volumes import STORAGE_CLASS

DEPLOYMENTS = (("kube-system", "coredns"), (ARGO_NAMESPACE, "workflow-controller"), (ARGO_NAMESPACE, "argo-server"))
COREFILE = ".:53 {\n errors\n ready\n kubernetes cluster.local in-addr.arpa ip6.arpa\n cache 5\n}\n"
CONTROLLER_ENVIRONMENT = {
    "LEADER_ELECTION_DISABLE": "true",
    "DEFAULT_REQUEUE_TIME": "1s",
    "ARGO_PROGRESS_PATCH_TICK_DURATION": "1s",
    "ARGO_PROGRESS_FILE_TICK_DURATION": "500ms",
}
"""Stock values make each level of a Workflow wait 10 s, and show no progress of steps shorter than a minute."""
CONTAINER_SECURITY = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
EXECUTOR = {"resources": {"requests": {"cpu": "1m", "memory": "8Mi"}}, "securityContext": CONTAINER_SECURITY}
"""Argo's own containers in each pod: without it, the `restricted` Pod Security Standard refuses the pods."""


def manifests(kubectl: Path, argo_source: Path) -> str:
    """All manifests as one stream, for `kubectl apply`."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ARGO_NAMESPACE}}
    overlay = CONFIG / "argo"
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text(json.dumps(_argo(argo_source / "manifests/cluster-install", overlay)))
    argo = run(kubectl, "kustomize", overlay)
    ours = [namespace, STORAGE_CLASS, *_coredns(), *network.manifests()]
    return "\n---\n".join([*map(json.dumps, ours), argo])


def _argo(upstream: Path, overlay: Path) -> dict[str, object]:
    """Upstream's own installation, watching every namespace, with what a test cluster needs on top."""
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": ARGO_NAMESPACE,
        "resources": [os.path.relpath(upstream, overlay)],
        "patches": [{"patch": json.dumps(patch)} for patch in (_controller(), _server(), _service(), _config())],
    }


def _controller() -> dict[str, object]:
    """The CPU request keeps it from starving while many pods run."""
    container: dict[str, object] = {
        "name": "workflow-controller",
        "image": images.ARGO.tag,
        "imagePullPolicy": "IfNotPresent",
        "args": [
            "--executor-image", images.ARGOEXEC.tag, "--executor-image-pull-policy", "IfNotPresent",
            "--qps", "200", "--burst", "400", "--pod-cleanup-workers", "16",
        ],
        "env": [{"name": name, "value": value} for name, value in CONTROLLER_ENVIRONMENT.items()],
        "resources": {"requests": {"cpu": "800m"}},
    }  # fmt: skip
    return _deployment_patch("workflow-controller", container)


def _server() -> dict[str, object]:
    """Plain HTTP, and every client shows the API server's own token."""
    container: dict[str, object] = {
        "name": "argo-server",
        "image": images.ARGO.tag,
        "imagePullPolicy": "IfNotPresent",
        "command": ["argo"],
        "args": ["server", "--secure=false", "--auth-mode=client"],
        "readinessProbe": {"httpGet": {"scheme": "HTTP"}, "initialDelaySeconds": 0, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "300m"}},
    }
    return _deployment_patch("argo-server", container)


def _deployment_patch(name: str, container: dict[str, object]) -> dict[str, object]:
    spec = {"template": {"spec": {"containers": [container]}}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def _service() -> dict[str, object]:
    spec = {"type": "NodePort", "ports": [{"port": 2746, "nodePort": ARGO_SERVER_PORT}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "argo-server"}, "spec": spec}


def _config() -> dict[str, object]:
    data = {"executor": json.dumps(EXECUTOR)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "workflow-controller-configmap"},
            "data": data}  # fmt: skip


def _coredns() -> list[dict[str, object]]:
    meta = {"name": "coredns", "namespace": "kube-system"}
    labels = {"k8s-app": "kube-dns"}
    role = "rbac.authorization.k8s.io"
    watched = (("", ["endpoints", "services", "pods", "namespaces"]), ("discovery.k8s.io", ["endpointslices"]))
    container = {
        "name": "coredns",
        "image": images.COREDNS.tag,
        "imagePullPolicy": "IfNotPresent",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns"}],
    }
    pod = {
        "serviceAccountName": "coredns",
        "dnsPolicy": "Default",
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": "coredns"}}],
    }
    ports = [{"name": f"dns-{kind.lower()}", "port": 53, "protocol": kind} for kind in ("UDP", "TCP")]
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        {"apiVersion": f"{role}/v1", "kind": "ClusterRole", "metadata": {"name": "coredns"},
         "rules": [{"apiGroups": [group], "resources": kinds, "verbs": ["list", "watch"]} for group, kinds in watched]},
        {"apiVersion": f"{role}/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "coredns"},
         "roleRef": {"apiGroup": role, "kind": "ClusterRole", "name": "coredns"},
         "subjects": [{"kind": "ServiceAccount", **meta}]},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"Corefile": COREFILE}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta,
         "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "kube-dns", "namespace": "kube-system"},
         "spec": {"clusterIP": DNS_SERVICE, "selector": labels, "ports": ports}},
    ]  # fmt: skip


def argo_server_answers() -> bool:
    """Whether Argo Server's page is served at its NodePort, so that the whole path to it works."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(ARGO_SERVER, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
