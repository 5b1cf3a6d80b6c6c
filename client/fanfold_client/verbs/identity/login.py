"""`fanfold login`, `logout` and `whoami`."""

import sys
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from fanfold.terminal.console import result, result_json, say, say_done
from fanfold_client.verbs.options import json_option, profile_option, with_client
from fanfold_client.verbs.prompts import ask, ask_password
from fanfold_client.verbs.stopping import until_stopped

if TYPE_CHECKING:
    from fanfold_client.api.profiles import Profile
    from fanfold_client.client import Client
    from fanfold_client.cluster.kubectl import Kubectl


@click.command()
@click.argument("url", required=False)
@click.option("--auth-url", help="URL of the auth service (default: as the submit service says).")
@click.option("--user", help="Your user name, to log in with a password here instead of in a browser.")
@click.option("--no-browser", is_flag=True, help="Show a code to type in a browser anywhere, instead of opening one.")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of stdin.")
@click.option("--forward", is_flag=True, help="Reach services in a cluster through kubectl, as long as this runs.")
@click.option("--namespace", help="With --forward: the namespace of the services.  [default: fanfold]")
@click.option("--context", help="With --forward: the context in the kubeconfig.")
@click.option("--kubeconfig", type=click.Path(exists=True, dir_okay=False), help="With --forward: this kubeconfig.")
@profile_option
@json_option
def login(
    url: str | None, auth_url: str | None, profile: str | None, as_json: bool, forward: bool, **given: Any
) -> None:
    """Log in to the services.

    At a terminal, it opens the service's login page in a browser; where there is none, or with --no-browser, it shows a
    code to type on that page in any browser. Scripts give --user and --password-stdin, or set FANFOLD_TOKEN
    (`fanfold tokens`) and need no login.

    URL is the URL of the submit service, shown as "jobs and files" when it starts. By default it is the URL of the
    profile's last login, then that of the profile `default`, then http://127.0.0.1:1338. The login is stored under the
    name of the profile, until `fanfold logout` or until it has not been used for a week.

    With --forward, it also forwards ports 1338 and 1337 of this machine to the services in a Kubernetes cluster, and
    2746 to the Argo UI, until Ctrl-C; use the other verbs in another terminal meanwhile. If a pod goes, it connects to
    another. The next `fanfold login --forward` needs no password while the login lasts.
    """
    where = {name: given.pop(name) for name in ("namespace", "context", "kubeconfig")}
    if forward:
        _log_in_through_kubectl(_Wanted(url, auth_url, profile, as_json, **given), **where)
        return
    if any(where.values()):
        raise click.UsageError("--namespace, --context and --kubeconfig go with --forward")
    from fanfold_client.api.profiles import url_of
    from fanfold_client.client import Client

    url = (url or url_of(profile)).rstrip("/")
    if "://" not in url:
        url = f"http://{url}"
    with Client(url, auth_url=auth_url) as anonymous:
        auth_url = anonymous.auth_url.rstrip("/")
    _log_in(_Wanted(url, auth_url, profile, as_json, **given))


@dataclass(frozen=True)
class _Wanted:
    """A login: where, as whom, and how it is reported."""

    url: str | None
    auth_url: str | None
    profile: str | None
    as_json: bool
    user: str | None
    no_browser: bool
    password_stdin: bool


def _log_in(wanted: _Wanted) -> None:
    """Log in, and store the login."""
    from fanfold_client.api.profiles import Profile, profile_name
    from fanfold_client.api.session import store_login

    assert wanted.url and wanted.auth_url
    if wanted.no_browser and (wanted.user or wanted.password_stdin):
        raise click.UsageError("--no-browser logs in on a page, without --user and --password-stdin")
    if wanted.no_browser or (wanted.user is None and not wanted.password_stdin and sys.stdin.isatty()):
        _report(_log_in_on_page(wanted), wanted.as_json)
        return
    name = wanted.user or ask("Name", "--user NAME")
    profile = Profile(profile_name(wanted.profile), wanted.url, wanted.auth_url, name)
    store_login(profile, ask_password(wanted.password_stdin, f"Password of {name}"))
    _report(profile, wanted.as_json)


def _log_in_on_page(wanted: _Wanted) -> "Profile":
    """Log in on the auth service's page, in this machine's browser or in another one, and store the login."""
    from fanfold_client.api.credentials import InMemory
    from fanfold_client.api.profiles import Profile, profile_name
    from fanfold_client.api.session import store_tokens
    from fanfold_client.client import Client
    from fanfold_client.login import device, loopback

    assert wanted.url and wanted.auth_url
    name = profile_name(wanted.profile)
    tokens = None
    if not wanted.no_browser and loopback.has_browser():
        tokens = loopback.log_in(wanted.auth_url, _open)
    tokens = tokens or device.log_in(wanted.auth_url, _tell)
    with Client(wanted.url, InMemory(wanted.auth_url, tokens), auth_url=wanted.auth_url) as client:
        profile = Profile(name, wanted.url, wanted.auth_url, client.me()["name"])
    store_tokens(profile, tokens)
    return profile


def _open(url: str) -> bool:
    import webbrowser

    say(f"Log in in your browser. If no page has opened, open {url}")
    return webbrowser.open(url)


def _tell(url: str, code: str) -> None:
    say(f"Open {url} in a browser, log in, and type the code {code}. It is valid for ten minutes.")


def _log_in_through_kubectl(
    wanted: _Wanted, namespace: str | None, context: str | None, kubeconfig: str | None
) -> None:
    """Forward the ports, log in unless a login is left, and keep forwarding until a signal."""
    from fanfold_client.cluster.forwarding import SERVICES, forwarding
    from fanfold_client.cluster.kubectl import Kubectl

    url, port = _loopback(wanted.url, "URL", SERVICES["submit"])
    auth_url, auth_port = _loopback(wanted.auth_url, "--auth-url", SERVICES["auth"])
    kubectl = Kubectl(namespace or "fanfold", context, kubeconfig)
    with ExitStack() as stack:
        wait = stack.enter_context(until_stopped())
        stack.enter_context(forwarding(kubectl, {"submit": port, "auth": auth_port}, say))
        argo_ui = _argo_ui(kubectl)
        stack.enter_context(forwarding(kubectl, argo_ui, say))
        wanted = replace(wanted, url=url, auth_url=auth_url)
        if (left := _login_left(wanted)) is not None:
            _report(left, wanted.as_json)
        else:
            _log_in(wanted)
        sys.stdout.flush()
        also = "".join(f", and http://127.0.0.1:{port} to the Argo UI" for port in argo_ui.values())
        say(f"Forwarding {url} and {auth_url} to namespace {kubectl.namespace}{also}. Press Ctrl-C to stop.", dim=True)
        wait()
    say("Stopped forwarding.")


def _argo_ui(kubectl: "Kubectl") -> dict[str, int]:
    """The port of the Argo UI, if it is installed in the namespace; people can do without it."""
    from fanfold_client.api.problems import Conflict
    from fanfold_client.cluster.forwarding import REMOTE, require_free

    name = "argo-ui"
    if not kubectl.exists("service", name):
        return {}
    try:
        require_free(REMOTE[name])
    except Conflict:
        say(f"Port {REMOTE[name]} of this machine is in use, so the Argo UI is not forwarded.")
        return {}
    return {name: REMOTE[name]}


def _login_left(wanted: _Wanted) -> "Profile | None":
    """The profile, if it is a login at these services that still holds, as the user that is wanted."""
    from fanfold_client.api.problems import NotAllowed
    from fanfold_client.api.profiles import load_profile
    from fanfold_client.api.session import Session
    from fanfold_client.client import Client

    try:
        profile = load_profile(wanted.profile)
        if (profile.url, profile.auth_url) != (wanted.url, wanted.auth_url) or wanted.password_stdin:
            return None
        if wanted.user not in (None, profile.user):
            return None
        with Client(profile.url, Session(profile), auth_url=profile.auth_url) as client:
            client.me()
    except NotAllowed:
        return None
    return profile


def _loopback(url: str | None, option: str, port: int) -> tuple[str, int]:
    """The URL at which a service is forwarded, and its port. Raises click.BadParameter."""
    url = (url or f"http://127.0.0.1:{port}").rstrip("/")
    try:
        place = urlsplit(url)
        if place.scheme == "http" and place.hostname in ("127.0.0.1", "localhost") and place.port:
            return url, place.port
    except ValueError:  # its port or its address is none
        pass
    raise click.BadParameter(
        f"with --forward, it names the port of this machine: http://127.0.0.1:{port}, not {url}", param_hint=option
    )


def _report(profile: "Profile", as_json: bool) -> None:
    told = {"profile": profile.name, "url": profile.url, "auth_url": profile.auth_url, "user": profile.user}
    say_done(f"Logged in to {profile.url} as {profile.user}.", told, as_json=as_json)


@click.command()
@profile_option
@json_option
def logout(profile: str | None, as_json: bool) -> None:
    """Log out of the services."""
    from fanfold_client.client import Client

    known = Client.logout(profile)
    told = {"profile": known.name, "url": known.url, "user": known.user}
    say_done(f"Logged out {known.user} from {known.url}.", told, as_json=as_json)


@click.command()
@with_client
def whoami(client: "Client", as_json: bool) -> None:
    """Show who is logged in, and where."""
    me = client.me()
    if as_json:
        result_json({**me, "url": client.url, "auth_url": client.auth_url})
    else:
        groups = f", groups: {', '.join(me['groups'])}" if me.get("groups") else ""
        result(f"{me['name']} ({', '.join(me['roles']) or 'no roles'}{groups}) at {client.url}")
