"""`fanfold deploy` and `fanfold undeploy`."""

import functools
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from fanfold.terminal.console import result, result_json, say, say_done
from fanfold_client.verbs.options import json_option
from fanfold_client.verbs.prompts import confirm

if TYPE_CHECKING:
    from fanfold_client.cluster.installation import Installed
    from fanfold_client.cluster.kubectl import Kubectl
    from fanfold_client.cluster.overlay import Overlay

Verb = Callable[..., Any]

PORTS = {"submit": 1338, "auth": 1337}
DEMO_PASSWORD = "password"  # noqa: S105 (that of `fanfold_auth demo`; a test compares them)


def on_cluster(verb: Verb) -> Verb:
    """Give a verb the options that select a cluster, and pass it the `overlay` and `kubectl` that they mean."""

    @click.option("--overlay", required=True, help="minikube, kind, or a folder with your own kustomization.")
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
@click.option("--demo", is_flag=True, help="Create users guest and admin (password: password); minikube and kind only.")
@click.option("--admin", default="admin", show_default=True, metavar="NAME", help="The name of the first admin.")
@click.option(
    "--argo",
    envvar="FANFOLD_ARGO",
    metavar="FILE",
    help="Where Argo is missing, install it from this file or URL (minikube, kind: from its release by default).",
)
@click.option(
    "--images",
    type=click.Choice(["missing", "all", "none"]),
    default="missing",
    show_default=True,
    help="Which of Fanfold's images to build, on minikube and kind.",
)
@click.option(
    "--timeout", type=click.IntRange(1), default=300, show_default=True, help="Seconds to wait until everything runs."
)
@click.option("--dry-run", type=click.Choice(["server", "client"]), help="Only print what would change.")
def deploy(
    overlay: "Overlay", kubectl: "Kubectl", timeout: int, dry_run: str | None, as_json: bool, **wanted: Any
) -> None:
    """Install Fanfold on Kubernetes, or update an installation.

    On minikube and kind, it first installs Argo Workflows if that is missing, and builds images that are missing.
    Then it applies the manifests (`kubectl apply -k`), waits until everything runs, and creates the first admin, whose
    password is printed once. It is safe to run this again at any time.

    \b
    minikube start && fanfold deploy --overlay minikube --demo
    fanfold deploy --overlay minikube --storage s3 --namespace team-a --no-nodeports
    """
    from fanfold_client.cluster.installation import Options, install, rehearse

    if wanted["demo"] and wanted["admin"] != "admin":
        raise click.UsageError("--demo creates its own admin: leave out --admin")
    if dry_run:
        changes = rehearse(overlay, kubectl, dry_run, nodeports=wanted["nodeports"])
        if as_json:
            result_json({"namespace": overlay.namespace, "changes": changes.splitlines()})
        else:
            result(changes.rstrip())
        return
    installed = install(overlay, kubectl, Options(seconds=timeout, **wanted), say)
    if as_json:
        result_json(_as_json(installed))
    else:
        _report(installed, kubectl)


def _as_json(installed: "Installed") -> dict[str, Any]:
    total = installed.total
    requests = {"cpu": float(total.cpu), "memory": int(total.memory), "disk": int(total.disk)}
    return asdict(installed) | {"requests": requests}


def _report(installed: "Installed", kubectl: "Kubectl") -> None:
    namespace = installed.namespace
    say(f"Fanfold runs in namespace {namespace}. It requests {installed.total}:")
    for name, asked in installed.requests.items():
        say(f"  {name:<14} {asked}")
    say("Each pod of a job requests more, while it runs.")
    where = "".join(f" --{name} {value}" for name, value in kubectl.selection.items())
    forwards = [f"kubectl{where} -n {namespace} port-forward service/{name} {port}" for name, port in PORTS.items()]
    if installed.is_reachable:
        result(f"submit    {installed.url}")
        result(f"auth      {installed.auth_url}")
    else:
        for name, command in zip(PORTS, forwards, strict=True):
            result(f"{name:<9} {command}")
    if installed.argo_ui:
        result(f"argo-ui   {installed.argo_ui}")
        if installed.url and not installed.is_reachable:
            say("From this machine, the Argo UI can only be used after `fanfold deploy --no-nodeports`, by forwarding.")
    if installed.password:
        result(f"admin     {installed.admin}")
        result(f"password  {installed.password}")
        say("The password won't be shown again.")
    for name in installed.demo_users:
        result(f"user      {name}   (password: {DEMO_PASSWORD})")
    user = installed.admin or next(iter(installed.demo_users), "NAME")
    if namespace != "fanfold":
        where = f" --namespace {namespace}{where}"
    forward = f"fanfold login --forward{where} --user {user}   (forwards both ports; keep it running)"
    say(f"Next: {f'fanfold login {installed.url} --user {user}' if installed.is_reachable else forward}")
    if installed.demo_users:
        say("      fanfold submit wordcount --input README.md --watch")


@click.command()
@on_cluster
@click.option("--data", is_flag=True, help="Also delete files, jobs, users and the namespace.")
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
def undeploy(overlay: "Overlay", kubectl: "Kubectl", data: bool, yes: bool, as_json: bool) -> None:
    """Remove Fanfold from Kubernetes.

    Its data (volumes, keys, the namespace) is kept, so that `fanfold deploy` can use it again; --data deletes it.
    """
    from fanfold_client.cluster.removal import remove

    where = f"from namespace {overlay.namespace}"
    if not yes:
        confirm(f"Remove Fanfold{' and ALL ITS DATA' if data else ''} {where}?")
    remove(overlay, kubectl, say, data=data)
    what = f"Removed Fanfold {where}{'' if data else '; its data is kept'}."
    say_done(what, {"namespace": overlay.namespace, "data_deleted": data}, as_json=as_json)
