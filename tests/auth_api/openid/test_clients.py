"""Applications that are registered: by admins over HTTP, and by whoever installs the services."""

import io
import sys
from pathlib import Path

import pytest

from fanfold_auth.__main__ import main
from fanfold_auth.openid.clients import Client, Clients
from fanfold_auth.openid.refusals import BadClient, InvalidClient
from fanfold_storage.urls import open_records
from tests.auth_api.service import Replica

CALLBACK = "https://argo.example.org/oauth2/callback"
SECRET = "0123456789abcdef0123456789abcdef"


def register(monkeypatch: pytest.MonkeyPatch, *words: str, secret: str = SECRET) -> int:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{secret}\n".encode())))
    return main(["client", *words])


def test_an_installation_registers_argo_and_does_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite://{tmp_path}/records.db"
    words = ["argo-server", "--records", url, "--secret-stdin", "--no-pkce", "--redirect-uri"]
    assert register(monkeypatch, *words, "https://old.example.org/") == 0
    assert register(monkeypatch, *words, CALLBACK) == 0
    records = open_records(url)
    client = Clients(records).authenticated("argo-server", SECRET)
    assert (client.redirect_uris, client.pkce, client.is_public) == ((CALLBACK,), False, False)
    assert SECRET not in str(records.scan("auth/", limit=10))
    records.close()


def test_on_a_cluster_of_ones_own_its_url_may_be_without_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only whoever reaches the records can say so; a user name or a wildcard in the URL is refused all the same."""
    words = ["argo-server", "--records", f"sqlite://{tmp_path}/records.db", "--secret-stdin", "--redirect-uri"]
    assert register(monkeypatch, *words, "http://192.0.2.7:30003/oauth2/callback") == 3
    assert register(monkeypatch, *words, "http://192.0.2.7:30003/oauth2/callback", "--plain-http") == 0
    assert register(monkeypatch, *words, "http://u@192.0.2.7/", "--plain-http") == 3
    assert register(monkeypatch, *words, "ftp://192.0.2.7/", "--plain-http") == 3


@pytest.mark.parametrize(
    ("words", "secret", "message"),
    [
        (["argo-server", "--redirect-uri", "http://argo.example.org/"], SECRET, "is not safe: use https"),
        (["argo-server", "--redirect-uri", CALLBACK], "short", "32 to 256 visible ASCII characters"),
        (["Argo", "--redirect-uri", CALLBACK], SECRET, "'Argo' is not an id for a client"),
        (["fanfold", "--redirect-uri", CALLBACK], SECRET, "and not 'fanfold'"),
    ],
)
def test_what_cannot_be_registered_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    words: list[str], secret: str, message: str,
) -> None:  # fmt: skip
    status = register(monkeypatch, *words, "--secret-stdin", "--records", f"sqlite://{tmp_path}/r.db", secret=secret)
    assert status == 3
    assert message in capsys.readouterr().err


def test_admins_add_list_show_and_remove(replica: Replica, admin: dict[str, str]) -> None:
    body = {"id": "grafana", "redirect_uris": [CALLBACK]}
    added = replica.http.post("/v1/clients", json=body, headers=admin)
    assert (added.status_code, added.headers["location"]) == (201, "/v1/clients/grafana")
    secret = added.json()["secret"]
    assert replica.service.openid.clients.authenticated("grafana", secret).pkce
    assert replica.http.post("/v1/clients", json=body, headers=admin).status_code == 409
    listed = replica.http.get("/v1/clients", headers=admin).json()["items"]
    assert [client["id"] for client in listed] == ["grafana"] and "secret" not in listed[0]
    assert replica.http.get("/v1/clients/grafana", headers=admin).json() == listed[0]
    assert replica.http.delete("/v1/clients/grafana", headers=admin).status_code == 204
    assert replica.http.delete("/v1/clients/grafana", headers=admin).status_code == 404
    with pytest.raises(InvalidClient):
        replica.service.openid.clients.authenticated("grafana", secret)


def test_only_admins_may(replica: Replica) -> None:
    body = {"id": "grafana", "redirect_uris": [CALLBACK]}
    assert replica.http.post("/v1/clients", json=body, headers=replica.bearer("bob")).status_code == 403
    assert replica.http.get("/v1/clients", headers=replica.bearer("bob")).status_code == 403
    assert replica.http.post("/v1/clients", json=body).status_code == 401


@pytest.mark.parametrize(
    "uri",
    [
        "http://example.org/", "http://127.0.0.1.example.org/", "https://", "https:///path", "//example.org/",
        "javascript:alert(1)", "https://user@example.org/", "https://example.org/#part", "https://example.org",
        "https://*.example.org/", "https://example.org:99999/", "https://exa mple.org/", "https://example.org/\n",
        "HTTPS://example.org/", "https://a;b/", "ftp://example.org/", "https://example.org/" + "a" * 2000,
    ],
)  # fmt: skip
def test_redirect_uris_that_lead_astray_are_refused(replica: Replica, admin: dict[str, str], uri: str) -> None:
    body = {"id": "grafana", "redirect_uris": [uri]}
    answer = replica.http.post("/v1/clients", json=body, headers=admin)
    assert answer.status_code == 422, answer.text


@pytest.mark.parametrize("uri", ["http://localhost:3000/a", "http://127.0.0.1/callback", "http://[::1]/callback"])
def test_loopback_needs_no_tls(replica: Replica, uri: str) -> None:
    assert replica.service.openid.clients.add(Client("tool", (uri,)), public=True)[1] is None


def test_a_public_client_must_use_pkce(replica: Replica) -> None:
    with pytest.raises(BadClient, match="must use PKCE"):
        replica.service.openid.clients.add(Client("tool", (CALLBACK,), pkce=False), public=True)
