"""Remove Fanfold from Kubernetes, with its data or without."""

from collections.abc import Callable
from dataclasses import replace

from fanfold_client.api.problems import NotFound
from fanfold_client.cluster import argo
from fanfold_client.cluster.kubectl import Kubectl
from fanfold_client.cluster.objects import OURS, namespaces
from fanfold_client.cluster.overlay import Overlay, prepared

RUNS = (
    "deployments,statefulsets,services,ingresses,poddisruptionbudgets,networkpolicies,configmaps,resourcequotas,"
    "limitranges"
)
RIGHTS = "serviceaccounts,roles,rolebindings"
DATA = "persistentvolumeclaims,secrets"
JOBS = "fanfold.dev/job"
UNFINISHED = f"{JOBS},workflows.argoproj.io/completed!=true"

Say = Callable[[str], None]


def remove(overlay: Overlay, kubectl: Kubectl, say: Say, *, data: bool) -> None:
    """Remove an installation from its namespaces. Volumes, keys and the namespaces are kept unless `data` is set.

    Running jobs are stopped in Kubernetes; they resume when Fanfold is installed again on the same data.

    Raises:
        NotFound: there is no such namespace.
    """
    if not kubectl.exists("namespace", kubectl.namespace):
        raise NotFound(f"There is no namespace {kubectl.namespace}; choose another with --namespace or --overlay.")
    with prepared(overlay, kubectl, nodeports=True) as (_, objects):
        each = [replace(kubectl, namespace=name) for name in namespaces(objects) or [kubectl.namespace]]
        volumes = [item["metadata"]["name"] for item in objects if item["kind"] == "PersistentVolume"]
    where = ", ".join(one.namespace for one in each)
    say(f"removing Fanfold from namespace {where}")
    # The submit service goes first, and completely: otherwise it would restart the Workflows that are deleted next.
    kubectl.run("delete", "deployment", "submit", "--ignore-not-found", "--cascade=foreground")
    ended = JOBS if data else UNFINISHED  # pods of failed jobs stay for inspection, and hold the volume
    has_workflows = bool(argo.resources(kubectl))
    for one in each:
        if has_workflows:
            one.run("delete", "workflows.argoproj.io", "--selector", ended, "--ignore-not-found")
        one.run("delete", f"{RUNS},{RIGHTS}", "--selector", OURS, "--ignore-not-found")
        one.run("wait", "pods", "--selector", OURS, "--for=delete", "--timeout=100s")
    if not data:
        return
    say(f"deleting its data and the namespace {where}")
    for one in each:
        one.run("wait", "pods", "--selector", JOBS, "--for=delete", "--timeout=100s")
        one.run("delete", DATA, "--selector", OURS, "--ignore-not-found")
        one.run("delete", "namespace", one.namespace, "--ignore-not-found", seconds=300)
    if volumes:
        kubectl.run("delete", "persistentvolumes", *volumes, "--ignore-not-found")
        say(f"what lies on the volumes {', '.join(volumes)} stays there; delete it on their server")
