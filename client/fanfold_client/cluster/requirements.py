"""What must be true of a cluster before anything is changed there."""

import json
from typing import Any

from fanfold_client.cluster.kubectl import Kubectl
from fanfold_client.cluster.overlay import manifests
from fanfold_client.problems import Conflict, Refused

ARGO = "v3.7.18"
INSTALL_ARGO = f"https://github.com/argoproj/argo-workflows/releases/download/{ARGO}/install.yaml"
PODS_MUST = "pod-security.kubernetes.io/enforce"

Object = dict[str, Any]


def need_argo(kubectl: Kubectl, objects: list[Object]) -> None:
    """Refuse a cluster without Argo Workflows, or with one whose pods the namespace would refuse."""
    controller = manifests() / "argo-workflows" / "controller.yaml"
    if "workflows.argoproj.io" not in argo_resources(kubectl):
        raise Refused(
            "Argo Workflows is not installed on this cluster. Install it, then deploy again:\n"
            "  kubectl create namespace argo\n"
            f"  kubectl apply --server-side --namespace argo --filename {INSTALL_ARGO}\n"
            f"  kubectl apply --server-side --namespace argo --filename {controller}"
        )
    restricted = any(item["metadata"].get("labels", {}).get(PODS_MUST) == "restricted" for item in objects)
    settings = kubectl.items_if_allowed(
        "configmaps", "--all-namespaces", "--field-selector=metadata.name=workflow-controller-configmap"
    )
    lacking = [item for item in settings if "securityContext" not in json.dumps(item.get("data", {}))]
    if restricted and lacking and len(lacking) == len(settings):
        raise Refused(
            "Argo's own containers don't satisfy the `restricted` standard of Fanfold's namespace, so that no job "
            "could start. Tell Argo's controller, then deploy again:\n  kubectl apply --server-side "
            f"--namespace {lacking[0]['metadata']['namespace']} --filename {controller}"
        )


def argo_resources(kubectl: Kubectl) -> list[str]:
    """The kinds of Argo's objects that the cluster knows."""
    return kubectl.run("api-resources", "--api-group=argoproj.io", "-o", "name", "--request-timeout=20s").split()


def need_free_ports(kubectl: Kubectl, objects: list[Object]) -> None:
    """Refuse before anything is changed; where one may not look, the API server refuses in the middle of it."""
    wanted = set(node_ports(objects).values())
    for service in kubectl.items_if_allowed("services", "--all-namespaces"):
        where, name = service["metadata"]["namespace"], service["metadata"]["name"]
        taken = {port.get("nodePort") for port in service["spec"].get("ports", [])} & wanted
        if taken and where != kubectl.namespace:
            raise Conflict(
                f"NodePort {min(taken)} belongs to the Service {name} of namespace {where}: deploy with --no-nodeports "
                "and reach the services by `kubectl port-forward`."
            )


def node_ports(objects: list[Object]) -> dict[str, int]:
    """The NodePort of each Service that has one, by the Service's name."""
    return {
        item["metadata"]["name"]: port["nodePort"]
        for item in objects
        if item["kind"] == "Service"
        for port in item["spec"]["ports"]
        if "nodePort" in port
    }
