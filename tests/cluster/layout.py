"""Where everything of the node lies: addresses, ports and files. All its state is below one tmpfs."""

from pathlib import Path

NODE = "fanfold-lab"
NODE_ADDRESS = "10.123.0.1"
LINK = "lab0"
POD_RANGE = "10.244.0.0/20"
SERVICE_RANGE = "10.96.0.0/16"
API_SERVICE = "10.96.0.1"
DNS_SERVICE = "10.96.0.10"
ETCD_PORT, ETCD_PEER_PORT = 22379, 22380
"""Not etcd's usual ones: a test may run an etcd of its own beside the node."""
API_SERVER = f"https://{NODE_ADDRESS}:6443"
ARGO_NAMESPACE = "argo"
ARGO_SERVER_PORT = 30030  # not 30003, which an installation's own may have
ARGO_SERVER = f"http://127.0.0.1:{ARGO_SERVER_PORT}"

ROOT = Path("/run/fanfold-lab")
ADMIN_KUBECONFIG = ROOT / "admin.kubeconfig"
PKI = ROOT / "pki"
CONFIG = ROOT / "config"
LOGS = ROOT / "logs"
PIDS = ROOT / "pids"
KUBELET_ROOT = ROOT / "kubelet"
CNI_CONFIG = ROOT / "cni-net"
VOLUME_PLUGINS = ROOT / "volume-plugins"
CONTAINERD_SOCKET = ROOT / "containerd/containerd.sock"
VOLUMES = ROOT / "tmp"
"""The folders behind claims; see volumes.py about the name."""
SYSCTLS_BEFORE = ROOT / "sysctls-before.json"
RUN_MARK = ROOT / "run"
"""There while `run` runs its command: a node that nobody holds and that has it was left by a `run` that was killed."""
FOLDERS = (PKI, CONFIG, LOGS, PIDS, KUBELET_ROOT, CNI_CONFIG, VOLUME_PLUGINS, CONTAINERD_SOCKET.parent)


def kubeconfig(user: str) -> Path:
    """The file with which a part of the control plane, or the administrator, reaches the API server."""
    return ADMIN_KUBECONFIG if user == "admin" else CONFIG / f"{user}.kubeconfig"
