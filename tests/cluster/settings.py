"""What the node's daemons are told: their configuration files and their command lines."""

import json
from pathlib import Path

from . import layout, volumes
from .images import PAUSE
from .layout import CNI_CONFIG, CONFIG, CONTAINERD_SOCKET, KUBELET_ROOT, NODE, NODE_ADDRESS, PKI, ROOT, kubeconfig

API_RATE = ("--kube-api-qps=200", "--kube-api-burst=400")


def write_all(cni_plugins: Path) -> None:
    """Write the configuration files of containerd, its network plugins, the kubelet and kube-proxy."""
    (CONFIG / "containerd.toml").write_text(_containerd(cni_plugins))
    (CNI_CONFIG / "10-lab.conflist").write_text(json.dumps(_network()))
    (CONFIG / "kubelet.yaml").write_text(_yaml(_kubelet()))
    (CONFIG / "proxy.yaml").write_text(_yaml(_proxy()))


def commands(binaries: Path) -> dict[str, list[str]]:
    """Every daemon's command line, by the daemon's name."""
    flags = {
        "etcd": _etcd_flags(),
        "kube-apiserver": _api_server_flags(),
        "kube-controller-manager": _controller_manager_flags(),
        "kube-scheduler": [
            f"--kubeconfig={kubeconfig('scheduler')}", "--leader-elect=false", "--bind-address=127.0.0.1", *API_RATE,
        ],
        "kubelet": [
            f"--hostname-override={NODE}", f"--node-ip={NODE_ADDRESS}", f"--root-dir={KUBELET_ROOT}",
            f"--kubeconfig={kubeconfig('kubelet')}", f"--config={CONFIG / 'kubelet.yaml'}",
        ],
        "kube-proxy": [f"--config={CONFIG / 'proxy.yaml'}"],
    }  # fmt: skip
    own = {name: [str(binaries / name), *words] for name, words in flags.items()}
    return {
        **own,
        "containerd": ["containerd", "--config", str(CONFIG / "containerd.toml")],
        "volumes": volumes.command(binaries / "kubectl", layout.ADMIN_KUBECONFIG, layout.VOLUMES, CONFIG / "volumes"),
    }


def _yaml(content: object) -> str:
    """JSON with a first line: a file that begins with a brace is read as JSON by rules that the kubelet fails on."""
    return f"# made by tests/cluster\n{json.dumps(content, indent=1)}\n"


def _containerd(cni_plugins: Path) -> str:
    """`restrict_oom_score_adj`: root may lack the right to lower that score, and runc would then start nothing."""
    return f"""\
version = 2
root = "{ROOT}/containerd-root"
state = "{CONTAINERD_SOCKET.parent}"
grpc = {{address = "{CONTAINERD_SOCKET}"}}
[plugins."io.containerd.internal.v1.opt"]
  path = "{ROOT}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE.tag}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  cni = {{bin_dir = "{cni_plugins}", conf_dir = "{CNI_CONFIG}"}}
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      options = {{SystemdCgroup = false}}
"""


def _network() -> dict[str, object]:
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": layout.POD_RANGE}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": str(ROOT / "cni-data"),
    }
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": True, "hairpinMode": True,
              "ipam": addresses}  # fmt: skip
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": "lab", "plugins": [bridge, ports]}


def _kubelet() -> dict[str, object]:
    """`maxPods` is low because Argo's init container copies 114 MB per pod into the tmpfs."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_ADDRESS,
        "failCgroupV1": False, "failSwapOn": False, "cgroupDriver": "cgroupfs", "oomScoreAdj": 0,
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(PKI / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(PKI / "kubelet-server.crt"),
        "tlsPrivateKeyFile": str(PKI / "kubelet-server.key"),
        "clusterDNS": [layout.DNS_SERVICE], "clusterDomain": "cluster.local",
        "podLogsDir": str(ROOT / "podlogs"), "volumePluginDir": str(layout.VOLUME_PLUGINS),
        "maxPods": 40, "registryPullQPS": 0, "serializeImagePulls": False, "eventRecordQPS": 0,
        "kubeAPIQPS": 200, "kubeAPIBurst": 400,
        "imageGCHighThresholdPercent": 100, "imageGCLowThresholdPercent": 99,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "nodefs.inodesFree": "1%",
                         "imagefs.available": "1%", "imagefs.inodesFree": "1%", "pid.available": "1%"},
    }  # fmt: skip


def _proxy() -> dict[str, object]:
    """NodePorts answer on the node's address and on loopback, not on every interface of the machine."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables", "clusterCIDR": layout.POD_RANGE, "hostnameOverride": NODE, "oomScoreAdj": 0,
        "clientConnection": {"kubeconfig": str(kubeconfig("proxy"))},
        "conntrack": {"maxPerCore": 0},
        "iptables": {"localhostNodePorts": True},
        "nodePortAddresses": [f"{NODE_ADDRESS}/32", "127.0.0.0/8"],
        "healthzBindAddress": "127.0.0.1:10256", "metricsBindAddress": "127.0.0.1:10249",
    }  # fmt: skip


def _etcd_flags() -> list[str]:
    client, peer = (f"http://127.0.0.1:{port}" for port in (layout.ETCD_PORT, layout.ETCD_PEER_PORT))
    return [
        f"--name={NODE}", f"--data-dir={ROOT / 'etcd'}", "--unsafe-no-fsync",
        f"--listen-client-urls={client}", f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}", f"--initial-cluster={NODE}={peer}",
    ]  # fmt: skip


def _api_server_flags() -> list[str]:
    return [
        f"--etcd-servers=http://127.0.0.1:{layout.ETCD_PORT}",
        "--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged=true",
        f"--advertise-address={NODE_ADDRESS}", f"--bind-address={NODE_ADDRESS}",
        f"--service-cluster-ip-range={layout.SERVICE_RANGE}", "--kubelet-preferred-address-types=InternalIP",
        f"--client-ca-file={PKI / 'ca.crt'}",
        f"--tls-cert-file={PKI / 'apiserver.crt'}", f"--tls-private-key-file={PKI / 'apiserver.key'}",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={PKI / 'service-account.key'}",
        f"--service-account-signing-key-file={PKI / 'service-account.key'}",
        f"--kubelet-certificate-authority={PKI / 'ca.crt'}",
        f"--kubelet-client-certificate={PKI / 'apiserver-kubelet-client.crt'}",
        f"--kubelet-client-key={PKI / 'apiserver-kubelet-client.key'}",
        "--max-requests-inflight=800",
    ]  # fmt: skip


def _controller_manager_flags() -> list[str]:
    """Own credentials for each controller: without them it may not create ReplicaSets. Claims are bound each second."""
    return [
        f"--kubeconfig={kubeconfig('controller-manager')}", "--leader-elect=false", "--bind-address=127.0.0.1",
        "--use-service-account-credentials=true", *API_RATE, "--pvclaimbinder-sync-period=1s",
        f"--root-ca-file={PKI / 'ca.crt'}",
        f"--service-account-private-key-file={PKI / 'service-account.key'}",
        f"--cluster-signing-cert-file={PKI / 'ca.crt'}", f"--cluster-signing-key-file={PKI / 'ca.key'}",
        f"--flex-volume-plugin-dir={layout.VOLUME_PLUGINS}",
    ]  # fmt: skip
