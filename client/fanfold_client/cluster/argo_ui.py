"""The Argo UI of an installation: what its login needs besides manifests.

Its server finds auth inside the cluster, at the issuer of tokens; browsers reach auth at another URL, to which auth
sends them by itself (FANFOLD_AUTH_PUBLIC_URL).
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from fanfold_client.api.problems import Refused
from fanfold_client.cluster.kubectl import Kubectl
from fanfold_client.cluster.objects import Object, find, secret
from fanfold_client.cluster.overlay import Literals

NAME, PORT, CALLBACK = "argo-ui", 2746, "/oauth2/callback"
CLIENT, CLIENT_SECRET = "argo-server", "argo-ui-client"
SESSION = "1h"
"""How long a login to it lasts, whatever becomes of the user meanwhile."""
FORWARDED = {"auth": "http://127.0.0.1:1337", "submit": "http://127.0.0.1:1338", NAME: f"http://127.0.0.1:{PORT}"}
"""The URLs of what has no other, while `fanfold login --forward` runs."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class ArgoUI:
    """The Argo UI that an overlay defines."""

    namespace: str
    url: str
    """Where browsers reach it, without a slash at the end."""

    @property
    def redirect_uris(self) -> list[str]:
        """Where auth may send browsers after a login: to its URL and, where that has no TLS, to a forwarded port."""
        urls = [self.url, FORWARDED[NAME]] if self.url.startswith("http://") else [self.url]
        return [f"{url}{CALLBACK}" for url in dict.fromkeys(urls)]


def find_argo_ui(objects: list[Object], namespace: str, urls: Mapping[str, str]) -> ArgoUI | None:
    """The Argo UI among the objects; None if there is none.

    Args:
        objects: what the overlay defines.
        namespace: that of objects that name none.
        urls: where browsers reach the services, as far as the overlay says.

    Raises:
        Refused: the overlay configures its login, but not as auth is configured.
    """
    deployment = find(objects, "Deployment", NAME)
    if deployment is None:
        return None
    url = urls.get(NAME) or FORWARDED[NAME]
    if text := _own_config(objects).get("sso"):
        sso, issuer = _parsed(text), _setting(objects, "fanfold-auth", "FANFOLD_AUTH_ISSUER")
        expected = sso.get("issuerAlias") or sso.get("issuer")
        if expected != issuer:
            raise Refused(
                f"The Argo UI would refuse every login: its `sso` expects tokens of {expected}, but auth issues those "
                f"of {issuer}. Set `issuer` in the ConfigMap {NAME} to FANFOLD_AUTH_ISSUER."
            )
        url = str(sso.get("redirectUrl") or "").removesuffix(CALLBACK) or url
    return ArgoUI(deployment["metadata"].get("namespace", namespace), url)


def literals_for(ui: ArgoUI, objects: list[Object], urls: Mapping[str, str]) -> Literals:
    """What the ConfigMaps lack, by name: the overlay didn't know at which URLs browsers reach the services."""
    given = _own_config(objects)
    if "sso" in given:
        return {}
    submit, auth = (urls.get(name) or FORWARDED[name] for name in ("submit", "auth"))
    job = f"{submit}/v1/jobs/${{workflow.metadata.labels.fanfold.dev/job}}"
    links = [{"name": "Fanfold job", "scope": "workflow", "url": job}]
    issuer = _setting(objects, "fanfold-auth", "FANFOLD_AUTH_ISSUER") or auth
    own = {"sso": json.dumps(_sso(issuer, ui.url))} | ({} if "links" in given else {"links": json.dumps(links)})
    digest = hashlib.sha256(json.dumps(own).encode()).hexdigest()[:16]
    known = _setting(objects, "fanfold-auth", "FANFOLD_AUTH_PUBLIC_URL")
    return {
        "fanfold-auth": {"FANFOLD_AUTH_PUBLIC_URL": known or auth},
        "fanfold-submit": {"FANFOLD_SUBMIT_ARGO_UI": ui.url},
        NAME: own,
        # It reads the others when it starts, so a change starts it anew.
        f"{NAME}-server": {"FANFOLD_AUTH_ISSUER": issuer, "FANFOLD_ARGO_UI_CONFIG": digest},
    }


def _own_config(objects: list[Object]) -> dict[str, str]:
    return (find(objects, "ConfigMap", NAME) or {}).get("data") or {}


def ensure_client_secret(kubectl: Kubectl, ui: ArgoUI, say: Say) -> None:
    """Make the Secret by which the server shows auth who it is, unless it exists."""
    where = replace(kubectl, namespace=ui.namespace)
    if not where.exists("secret", CLIENT_SECRET):
        content = {"client-id": CLIENT, "client-secret": secrets.token_urlsafe(32)}
        where.run("create", "-f", "-", stdin=secret(CLIENT_SECRET, ui.namespace, content))
        say(f"created the Secret {CLIENT_SECRET}")


def register(kubectl: Kubectl, ui: ArgoUI, say: Say) -> None:
    """Tell auth, which must be running, the server's secret, and where to send browsers after a login."""
    found = replace(kubectl, namespace=ui.namespace).find("secret", CLIENT_SECRET) or {}
    client_secret = base64.b64decode(found.get("data", {}).get("client-secret", "")).decode()
    options = [word for uri in ui.redirect_uris for word in ("--redirect-uri", uri)]
    if ui.url.startswith("http://"):
        options.append("--plain-http")
    command = ("python", "-m", "fanfold_auth", "client", CLIENT, "--secret-stdin", "--no-pkce", *options)
    kubectl.run("exec", "-i", "deployment/auth", "--", *command, stdin=f"{client_secret}\n")
    say(f"registered the Argo UI at auth: {ui.url}")


def _sso(issuer: str, url: str) -> dict[str, object]:
    """The server takes its own URL from requests, and believes that it has no TLS: else the URL has to be told."""
    return {
        "issuer": issuer,
        "clientId": {"name": CLIENT_SECRET, "key": "client-id"},
        "clientSecret": {"name": CLIENT_SECRET, "key": "client-secret"},
        "redirectUrl": f"{url}{CALLBACK}" if url.startswith("https://") else "",
        "scopes": ["profile", "groups"],
        "rbac": {"enabled": True},
        "sessionExpiry": SESSION,
    }


def _parsed(text: str) -> dict[str, object]:
    import yaml

    try:
        sso = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Refused(f"`sso` in the ConfigMap {NAME} is not YAML: {error}") from error
    if not isinstance(sso, dict):
        raise Refused(f"`sso` in the ConfigMap {NAME} is not a mapping; see `sso` in Argo's own documentation.")
    return sso


def _setting(objects: list[Object], config_map: str, name: str) -> str | None:
    """A setting of a service: its ConfigMap's name ends with a hash."""
    for item in objects:
        if item["kind"] == "ConfigMap" and item["metadata"]["name"].startswith(f"{config_map}-"):
            value: str | None = item.get("data", {}).get(name)
            return value
    return None
