"""Check what a cluster needs before anything is changed there."""

import json
from ipaddress import ip_address, ip_network

from fanfold_client.api.problems import Conflict, Refused
from fanfold_client.cluster import argo
from fanfold_client.cluster.kubectl import Kubectl
from fanfold_client.cluster.objects import Object, find
from fanfold_client.cluster.overlay import Overlay, manifests

POD_SECURITY_LABEL = "pod-security.kubernetes.io/enforce"
EXAMPLE = "example.org"
API_SERVER_POLICY = "fanfold-api-server"


def require_argo(kubectl: Kubectl, objects: list[Object]) -> None:
    """Check that Argo Workflows is installed, and that the namespace would admit its pods.

    Raises:
        Refused: it isn't, or wouldn't; the message has the commands that fix it.
    """
    controller = manifests() / "argo-workflows" / "controller.yaml"
    if not argo.is_installed(kubectl):
        raise Refused(
            "Argo Workflows is not installed on this cluster. `fanfold deploy` installs it for all namespaces with\n"
            f"  --argo {argo.MANIFEST}\n"
            "or install it yourself, then deploy again:\n"
            "  kubectl create namespace argo\n"
            f"  kubectl apply --server-side --namespace argo --filename {argo.MANIFEST}\n"
            f"  kubectl apply --server-side --namespace argo --field-manager fanfold --filename {controller}\n"
            f"  kubectl set env --namespace argo {argo.CONTROLLER} {argo.REQUEUE}"
        )
    restricted = any(item["metadata"].get("labels", {}).get(POD_SECURITY_LABEL) == "restricted" for item in objects)
    settings = kubectl.items_if_allowed(
        "configmaps", "--all-namespaces", "--field-selector=metadata.name=workflow-controller-configmap"
    )
    lacking = [item for item in settings if "securityContext" not in json.dumps(item.get("data", {}))]
    if restricted and lacking and len(lacking) == len(settings):
        raise Refused(
            "Argo's own containers don't meet the `restricted` standard of Fanfold's namespace, so no job could "
            "start. Configure Argo's controller, then deploy again:\n  kubectl apply --server-side "
            f"--namespace {lacking[0]['metadata']['namespace']} --field-manager fanfold --filename {controller}"
        )


def require_own_names(overlay: Overlay, objects: list[Object]) -> None:
    """Check that no name of an example is left. Raises Refused: it is."""
    left = sorted({f"{item['kind']} {item['metadata']['name']}" for item in objects if EXAMPLE in json.dumps(item)})
    if left:
        raise Refused(
            f"The overlay {overlay.folder.name} still has names of an example ({EXAMPLE}), in {', '.join(left)}: copy "
            f"the overlay and replace them; {manifests() / 'README.md'} says how ('Production')."
        )


def require_cert_manager(kubectl: Kubectl, objects: list[Object]) -> None:
    """Check that cert-manager is installed, if the objects leave certificates to it. Raises Refused: it isn't."""
    if not any(item["kind"] == "Certificate" for item in objects):
        return
    found = kubectl.run("api-resources", "--api-group=cert-manager.io", "-o", "name", "--request-timeout=20s")
    if "certificates.cert-manager.io" not in found.split():
        raise Refused(
            "The overlay leaves certificates to cert-manager, which is not installed on this cluster: install it "
            "(https://cert-manager.io/docs/installation/), or remove the component etcd-cert-manager from the overlay."
        )


def require_free_ports(kubectl: Kubectl, objects: list[Object]) -> None:
    """Check that the NodePorts are free. Without permission to look, the API server would refuse halfway through.

    Raises:
        Conflict: another namespace uses one of them.
    """
    wanted = set(node_ports(objects).values())
    for service in kubectl.items_if_allowed("services", "--all-namespaces"):
        where, name = service["metadata"]["namespace"], service["metadata"]["name"]
        taken = {port.get("nodePort") for port in service["spec"].get("ports", [])} & wanted
        if taken and where != kubectl.namespace:
            raise Conflict(
                f"NodePort {min(taken)} is used by the Service {name} in namespace {where}: deploy with --no-nodeports "
                "and reach the services with `kubectl port-forward`."
            )


def require_open_api_server(kubectl: Kubectl, objects: list[Object]) -> None:
    """Check that the network policies let pods reach the API server. Without permission to look, it passes.

    Raises:
        Refused: they don't open one of its addresses, so no job could report how it ended.
    """
    policy = find(objects, "NetworkPolicy", API_SERVER_POLICY)
    if policy is None:
        return
    opened = [
        (ip_network(peer["ipBlock"]["cidr"]), port["port"])
        for rule in policy["spec"]["egress"]
        for peer in rule.get("to", [{"ipBlock": {"cidr": cidr}} for cidr in ("0.0.0.0/0", "::/0")])
        for port in rule["ports"]
    ]
    slices = kubectl.items_if_allowed(
        "endpointslices.discovery.k8s.io", "--namespace=default", "--selector=kubernetes.io/service-name=kubernetes"
    )
    addresses = [
        (ip_address(address), port["port"])
        for item in slices
        for endpoint in item["endpoints"]
        for address in endpoint["addresses"]
        for port in item["ports"]
    ]
    for address, port in addresses:
        if not any(address in network and port == number for network, number in opened):
            raise Refused(
                f"The network policy {API_SERVER_POLICY} doesn't let pods reach the API server at {address}, "
                f"port {port}: open it in your overlay; {manifests() / 'README.md'} says how ('Network policies')."
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


def ingress_urls(objects: list[Object]) -> dict[str, str]:
    """The URL of each Service that an Ingress leads to by TLS, by the Service's name."""
    return {
        path["backend"]["service"]["name"]: f"https://{rule['host']}"
        for item in objects
        if item["kind"] == "Ingress" and "tls" in item["spec"]
        for rule in item["spec"]["rules"]
        for path in rule["http"]["paths"]
    }
