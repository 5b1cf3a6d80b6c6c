"""Enforce NetworkPolicies: the kernel asks kube-network-policies about each new connection from or to a pod.

It would divert the connections by rules of its own, in nftables. Their `queue` is an option of the kernel
(CONFIG_NFT_QUEUE) that some lack; it then notes the error and goes on without rules. So iptables diverts them here, in
every kernel, before the first pod runs: while nobody listens on the queue, what would go there is dropped.
"""

from pathlib import Path

from .images import NETWORK_POLICIES
from .layout import NODE, POD_RANGE
from .shell import run

QUEUE = 100
QUEUES = Path("/proc/net/netfilter/nfnetlink_queue")
CHAIN = "KUBE-NETWORK-POLICIES"
NAME = NETWORK_POLICIES.name


def divert() -> None:
    """Send the first packet of each connection of a pod to the queue, with the addresses that the pods have.

    That is after a Service's address has become a pod's, and before a pod's becomes the node's. A pod's own node
    always reaches it, as Kubernetes promises: the kubelet's probes, NodePorts from the machine itself.
    """
    rules = [
        f":{CHAIN} - [0:0]",
        f"-A POSTROUTING -j {CHAIN}",
        f"-A {CHAIN} -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN",
        f"-A {CHAIN} -m addrtype --src-type LOCAL -j RETURN",
        f"-A {CHAIN} -s {POD_RANGE} -j NFQUEUE --queue-num {QUEUE}",
        f"-A {CHAIN} -d {POD_RANGE} -j NFQUEUE --queue-num {QUEUE}",
    ]
    run("iptables-restore", "--noflush", stdin="\n".join(["*mangle", *rules, "COMMIT"]) + "\n")


def is_enforced() -> bool:
    """Whether somebody listens on the queue."""
    return any(line.split()[0] == str(QUEUE) for line in QUEUES.read_text().splitlines())


def delete_table() -> None:
    """Delete what kube-network-policies adds where the kernel lets it; it leaves that when it is killed."""
    run("nft", "delete", "table", "inet", NAME, check=False)


def manifests() -> list[dict[str, object]]:
    """Its DaemonSet, and what it may read."""
    meta = {"name": NAME, "namespace": "kube-system"}
    labels = {"k8s-app": NAME}
    role = "rbac.authorization.k8s.io"
    watched = (("", ["pods", "namespaces"]), ("networking.k8s.io", ["networkpolicies"]))
    container = {
        "name": NAME,
        "image": NETWORK_POLICIES.tag,
        "imagePullPolicy": "IfNotPresent",
        "args": [f"--hostname-override={NODE}", f"--nfqueue-id={QUEUE}", "--metrics-bind-address=127.0.0.1:19080"],
        "resources": {"requests": {"cpu": "50m"}},
        "securityContext": {"capabilities": {"add": ["NET_ADMIN"]}},
    }
    pod = {"serviceAccountName": NAME, "hostNetwork": True, "containers": [container]}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        {"apiVersion": f"{role}/v1", "kind": "ClusterRole", "metadata": {"name": NAME},
         "rules": [{"apiGroups": [group], "resources": kinds, "verbs": ["list", "watch"]} for group, kinds in watched]},
        {"apiVersion": f"{role}/v1", "kind": "ClusterRoleBinding", "metadata": {"name": NAME},
         "roleRef": {"apiGroup": role, "kind": "ClusterRole", "name": NAME},
         "subjects": [{"kind": "ServiceAccount", **meta}]},
        {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": meta,
         "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}},
    ]  # fmt: skip
