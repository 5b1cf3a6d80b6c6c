"""Install Argo Workflows where it is missing, with the settings that Fanfold needs.

An Argo that somebody else installed is never changed. The namespace of one that Fanfold installed says so, once it is
complete: an installation that was interrupted is continued, and one of an earlier version updated.
"""

import json
from collections.abc import Callable
from dataclasses import replace

from fanfold_client.api.problems import ClientError, Refused
from fanfold_client.cluster.kubectl import Kubectl
from fanfold_client.cluster.overlay import manifests

VERSION = "v3.7.18"
MANIFEST = f"https://github.com/argoproj/argo-workflows/releases/download/{VERSION}/install.yaml"
NAMESPACE = "argo"
CONTROLLER = "deployment/workflow-controller"
REQUEUE = "DEFAULT_REQUEUE_TIME=1s"
"""How soon the controller looks at a Workflow again. Its default, 10 s, delays every job of several pods."""
PROGRESS = ("ARGO_PROGRESS_PATCH_TICK_DURATION=5s", "ARGO_PROGRESS_FILE_TICK_DURATION=1s")
"""How often a pod's progress is told, and looked at. By default it is told once a minute, which is after most jobs."""
ANNOTATION = "fanfold.dev/argo"
_BEGUN = "begun"


def resources(kubectl: Kubectl) -> list[str]:
    """The resource types of Argo that the cluster has."""
    return kubectl.run("api-resources", "--api-group=argoproj.io", "-o", "name", "--request-timeout=20s").split()


def is_installed(kubectl: Kubectl) -> bool:
    """Whether the cluster knows Workflows."""
    return "workflows.argoproj.io" in resources(kubectl)


def ensure(kubectl: Kubectl, manifest: str, seconds: float, say: Callable[[str], None]) -> None:
    """Install Argo Workflows for the whole cluster if it is missing; complete or update what Fanfold installed.

    Args:
        kubectl: the cluster.
        manifest: the file or URL of Argo's own manifest, read only if something is to be done.
        seconds: how long to wait until Argo's controller runs.
        say: called with messages about the progress.

    Raises:
        ClientError: it failed; the next call continues from there.
    """
    namespace = kubectl.find("namespace", NAMESPACE) or {}
    installed = namespace.get("metadata", {}).get("annotations", {}).get(ANNOTATION)
    if installed == VERSION or (installed is None and is_installed(kubectl)):
        return
    argo = replace(kubectl, namespace=NAMESPACE)
    say(f"installing Argo Workflows in namespace {NAMESPACE} from {manifest}")
    kubectl.run("apply", "-f", "-", stdin=_namespace(_BEGUN))
    try:
        argo.run("apply", "--server-side", "--force-conflicts", "-f", manifest, seconds=seconds)
    except ClientError as error:
        raise Refused(
            f"Argo Workflows can't be installed from {manifest}: {error}\n"
            "If this machine can't reach that address, download the file elsewhere and name it with --argo FILE."
        ) from error
    # As another field manager: each takes back what it set before and no longer sets.
    settings = manifests() / "argo-workflows" / "controller.yaml"
    argo.run("apply", "--server-side", "--field-manager=fanfold", "-f", str(settings))
    argo.run("set", "env", CONTROLLER, REQUEUE, *PROGRESS)
    say("waiting for Argo's controller")
    try:
        argo.run("rollout", "status", CONTROLLER, f"--timeout={seconds:.0f}s", seconds=seconds + 30)
    except ClientError as error:
        reason = str(error).splitlines()[0]
        raise ClientError(
            f"Argo's controller doesn't run after {seconds:.0f} s ({reason}): see `kubectl -n {NAMESPACE} get pods`, "
            "and deploy again. If its image is still being pulled, add a longer --timeout."
        ) from error
    kubectl.run("apply", "-f", "-", stdin=_namespace(VERSION))


def _namespace(state: str) -> str:
    metadata = {"name": NAMESPACE, "annotations": {ANNOTATION: state}}
    return json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
