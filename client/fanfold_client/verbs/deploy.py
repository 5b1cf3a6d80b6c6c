"""`fanfold deploy` and `fanfold undeploy`."""

import functools
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from fanfold.verbs.console import result, result_json, say
from fanfold_client.verbs.options import json_option

if TYPE_CHECKING:
    from fanfold_client.cluster.kubectl import Kubectl
    from fanfold_client.cluster.overlay import Overlay
    from fanfold_client.deploy import Installed

Verb = Callable[..., Any]


def on_cluster(verb: Verb) -> Verb:
    """Give a verb the options that say where, and call it with the `overlay` and `kubectl` that they stand for."""

    @click.option("--overlay", required=True, help="minikube, or a folder with a kustomization of your own.")
    @click.option("--namespace", help="Use this namespace instead of the overlay's.")
    @click.option("--context", help="The kubeconfig's context.")
    @click.option("--kubeconfig", type=click.Path(exists=True, dir_okay=False), help="Use this kubeconfig.")
    @json_option
    @functools.wraps(verb)
    def called(overlay: str, namespace: str | None, context: str | None, kubeconfig: str | None, **rest: Any) -> Any:
        from fanfold_client.cluster.kubectl import Kubectl
        from fanfold_client.cluster.overlay import find_overlay

        found = find_overlay(overlay, rest.pop("storage", None), namespace)
        return verb(overlay=found, kubectl=Kubectl(found.namespace, context, kubeconfig), **rest)

    return called


@click.command()
@on_cluster
@click.option("--storage", type=click.Choice(["pvc", "s3"]), help="Keep files on a shared volume or in MinIO.")
@click.option("--nodeports/--no-nodeports", default=True, help="Whether the nodes' ports lead to the services.")
@click.option("--admin", default="admin", show_default=True, metavar="NAME", help="The first admin's name.")
@click.option(
    "--timeout", type=click.IntRange(1), default=300, show_default=True, help="Seconds to wait until it runs."
)
@click.option("--dry-run", type=click.Choice(["server", "client"]), help="Only say what would change.")
def deploy(
    overlay: "Overlay", kubectl: "Kubectl", nodeports: bool, dry_run: str | None, as_json: bool, **wanted: Any
) -> None:
    """Install Fanfold on Kubernetes, or bring an installation up to date.

    It applies the manifests (`kubectl apply -k`), waits until everything runs, and makes the first admin, whose
    password it prints once. It may be run again at any time.

    \b
    make images ENGINE=minikube && fanfold deploy --overlay minikube
    fanfold deploy --overlay minikube --storage s3 --namespace team-a --no-nodeports
    """
    from fanfold_client.deploy import install, rehearse

    if dry_run:
        told = rehearse(overlay, kubectl, dry_run, nodeports=nodeports)
        if as_json:
            result_json({"namespace": overlay.namespace, "changes": told.splitlines()})
        else:
            result(told.rstrip())
        return
    seconds, admin = wanted["timeout"], wanted["admin"]
    installed = install(overlay, kubectl, say, admin=admin, seconds=seconds, nodeports=nodeports)
    if as_json:
        result_json(asdict(installed))
    else:
        _tell(installed)


def _tell(installed: "Installed") -> None:
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
        say("The password is shown only now.")
    say(f"Next: fanfold login {url} --user {installed.admin or 'NAME'}")


@click.command()
@on_cluster
@click.option("--data", is_flag=True, help="Delete files, jobs, users and the namespace as well.")
@click.option("--yes", is_flag=True, help="Don't ask.")
def undeploy(overlay: "Overlay", kubectl: "Kubectl", data: bool, yes: bool, as_json: bool) -> None:
    """Remove Fanfold from Kubernetes.

    Its data stay (volumes, keys, the namespace), so that `fanfold deploy` finds everything again; --data deletes them.
    """
    from fanfold_client.deploy import remove

    where = f"from namespace {overlay.namespace}"
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("nobody can be asked here: say --yes")
        click.confirm(f"Remove Fanfold{' and ALL ITS DATA' if data else ''} {where}?", abort=True, err=True)
    remove(kubectl, say, data=data)
    if as_json:
        result_json({"namespace": overlay.namespace, "data_deleted": data})
    say(f"Fanfold is removed {where}{'' if data else '; its data are kept'}.")
