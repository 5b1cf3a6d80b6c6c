"""`fanfold deploy` and `fanfold undeploy`."""

import functools
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from fanfold.terminal.console import result, result_json, say
from fanfold_client.verbs.options import json_option
from fanfold_client.verbs.prompts import confirm

if TYPE_CHECKING:
    from fanfold_client.cluster.installation import Installed
    from fanfold_client.cluster.kubectl import Kubectl
    from fanfold_client.cluster.overlay import Overlay

Verb = Callable[..., Any]


def on_cluster(verb: Verb) -> Verb:
    """Give a verb the options that select a cluster, and pass it the `overlay` and `kubectl` that they mean."""

    @click.option("--overlay", required=True, help="minikube, or a folder with your own kustomization.")
    @click.option("--namespace", help="Use this namespace instead of the overlay's.")
    @click.option("--context", help="The context in the kubeconfig.")
    @click.option("--kubeconfig", type=click.Path(exists=True, dir_okay=False), help="Use this kubeconfig.")
    @json_option
    @functools.wraps(verb)
    def verb_on_cluster(
        overlay: str, namespace: str | None, context: str | None, kubeconfig: str | None, **rest: Any
    ) -> Any:
        from fanfold_client.cluster.kubectl import Kubectl
        from fanfold_client.cluster.overlay import find_overlay

        selected = find_overlay(overlay, rest.pop("storage", None), namespace)
        return verb(overlay=selected, kubectl=Kubectl(selected.namespace, context, kubeconfig), **rest)

    return verb_on_cluster


@click.command()
@on_cluster
@click.option("--storage", type=click.Choice(["pvc", "s3"]), help="Store files on a shared volume or in MinIO.")
@click.option("--nodeports/--no-nodeports", default=True, help="Expose the services on ports of the nodes.")
@click.option("--admin", default="admin", show_default=True, metavar="NAME", help="The name of the first admin.")
@click.option(
    "--timeout", type=click.IntRange(1), default=300, show_default=True, help="Seconds to wait until everything runs."
)
@click.option("--dry-run", type=click.Choice(["server", "client"]), help="Only print what would change.")
def deploy(
    overlay: "Overlay", kubectl: "Kubectl", nodeports: bool, dry_run: str | None, as_json: bool, **wanted: Any
) -> None:
    """Install Fanfold on Kubernetes, or update an installation.

    Applies the manifests (`kubectl apply -k`), waits until everything runs, and creates the first admin, whose
    password is printed once. It is safe to run this again at any time.

    \b
    make images ENGINE=minikube && fanfold deploy --overlay minikube
    fanfold deploy --overlay minikube --storage s3 --namespace team-a --no-nodeports
    """
    from fanfold_client.cluster.installation import install, rehearse

    if dry_run:
        changes = rehearse(overlay, kubectl, dry_run, nodeports=nodeports)
        if as_json:
            result_json({"namespace": overlay.namespace, "changes": changes.splitlines()})
        else:
            result(changes.rstrip())
        return
    seconds, admin = wanted["timeout"], wanted["admin"]
    installed = install(overlay, kubectl, say, admin=admin, seconds=seconds, nodeports=nodeports)
    if as_json:
        result_json(asdict(installed))
    else:
        _report(installed)


def _report(installed: "Installed") -> None:
    say(f"Fanfold runs in namespace {installed.namespace}.")
    url = installed.url or "http://127.0.0.1:1338"
    if installed.url:
        result(f"submit    {installed.url}")
        result(f"auth      {installed.auth_url}")
    else:
        for name, port in (("submit", 1338), ("auth", 1337)):
            result(f"{name:<9} kubectl -n {installed.namespace} port-forward service/{name} {port}")
    if installed.password:
        result(f"admin     {installed.admin}")
        result(f"password  {installed.password}")
        say("The password won't be shown again.")
    say(f"Next: fanfold login {url} --user {installed.admin or 'NAME'}")


@click.command()
@on_cluster
@click.option("--data", is_flag=True, help="Also delete files, jobs, users and the namespace.")
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
def undeploy(overlay: "Overlay", kubectl: "Kubectl", data: bool, yes: bool, as_json: bool) -> None:
    """Remove Fanfold from Kubernetes.

    Its data (volumes, keys, the namespace) is kept, so that `fanfold deploy` can use it again; --data deletes it.
    """
    from fanfold_client.cluster.installation import remove

    where = f"from namespace {overlay.namespace}"
    if not yes:
        confirm(f"Remove Fanfold{' and ALL ITS DATA' if data else ''} {where}?")
    remove(kubectl, say, data=data)
    if as_json:
        result_json({"namespace": overlay.namespace, "data_deleted": data})
    say(f"Removed Fanfold {where}{'' if data else '; its data is kept'}.")
