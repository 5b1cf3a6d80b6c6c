"""Move an etcd from plain HTTP to TLS, member by member, without losing records or its quorum.

Each member is restarted to listen on both; once all do, they are told each other's new addresses.
See https://etcd.io/docs/v3.6/op-guide/runtime-configuration/#update-advertise-peer-urls.
"""

import json
from collections.abc import Callable

from fanfold_client.cluster import rollout
from fanfold_client.cluster.kubectl import Kubectl
from fanfold_client.cluster.objects import Object, find

ETCD = "etcd"
_PLAIN_HTTP = "--listen-peer-urls=http://0.0.0.0:2380"
_BOTH = f"{_PLAIN_HTTP},https://0.0.0.0:2382"
_PEER_TLS = "--peer-"


def migrate_to_tls(kubectl: Kubectl, objects: list[Object], seconds: float, say: Callable[[str], None]) -> None:
    """Make members reach each other over TLS, if an earlier version of Fanfold installed them without it.

    Clients use the old addresses until `objects` are applied.

    Args:
        kubectl: the cluster and namespace.
        objects: the manifests that are about to be applied.
        seconds: how long to wait until the members are running again.
        say: called with messages about the progress.

    Raises:
        ClientError: it failed; the next call continues from there.
    """
    installed, wanted = kubectl.find("statefulset", ETCD), find(objects, "StatefulSet", ETCD)
    if installed is None or wanted is None:
        return
    args = _etcd_of(installed)["args"]
    if not any(arg.startswith(_PLAIN_HTTP) for arg in args):
        return
    say("moving etcd to TLS; its records stay")
    if policy := find(objects, "NetworkPolicy", "fanfold-etcd"):  # which opens the new port
        kubectl.run("apply", "-f", "-", stdin=json.dumps(policy))
    change = json.dumps(_listen_on_both(args, wanted))
    kubectl.run("patch", "statefulset", ETCD, "--type=strategic", f"--patch={change}")
    rollout.wait(kubectl, [ETCD], seconds, say)
    first = f"pod/{ETCD}-0"
    etcdctl = ("exec", first, "--container=etcd", "--", "etcdctl")
    listing = kubectl.run(*etcdctl, "member", "list", "--write-out=json")
    for member in json.loads(listing)["members"]:
        url = f"https://{member['name']}.etcd:2382"
        kubectl.run(*etcdctl, "member", "update", f"{member['ID']:x}", f"--peer-urls={url}")


def _listen_on_both(args: list[str], wanted: Object) -> Object:
    """The patch of the StatefulSet: members also listen with TLS, with the certificates that the new one mounts."""
    tls = [arg for arg in _etcd_of(wanted)["args"] if arg.startswith(_PEER_TLS)]
    kept = [_BOTH if arg == _PLAIN_HTTP else arg for arg in args if not arg.startswith(_PEER_TLS)]
    container = {"name": "etcd", "args": [*kept, *tls], "volumeMounts": _etcd_of(wanted)["volumeMounts"]}
    pod = {"containers": [container], "volumes": wanted["spec"]["template"]["spec"]["volumes"]}
    return {"spec": {"template": {"spec": pod}}}


def _etcd_of(stateful_set: Object) -> Object:
    containers = stateful_set["spec"]["template"]["spec"]["containers"]
    found: Object = next(container for container in containers if container["name"] == "etcd")
    return found
