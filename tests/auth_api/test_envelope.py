"""One log line a request that tells who did what, forges nothing and keeps secrets; ids, safe headers and metrics."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pytest

from fanfold_web.log import json_lines
from tests.auth_api.service import PASSWORD, Replica, bearer


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(json_lines())
    log = logging.getLogger("fanfold_auth.requests")
    log.addHandler(handler)
    level = log.level
    log.setLevel(logging.INFO)
    yield stream
    log.removeHandler(handler)
    log.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_tells_who_did_what(replica: Replica, stream: io.StringIO) -> None:
    answer = replica.http.get("/v1/me", headers=replica.bearer("bob"))
    login, me = lines(stream)
    assert (login["method"], login["path"], login["status"], login["user"]) == ("POST", "/v1/login", 200, "bob")
    assert (me["method"], me["path"], me["status"], me["user"]) == ("GET", "/v1/me", 200, "bob")
    assert me["request_id"] == answer.headers["x-request-id"] != login["request_id"]
    assert me["client"] == "192.0.2.1"
    assert me["time"].endswith("Z")
    assert datetime.fromisoformat(me["time"])
    assert 0 <= me["seconds"] < 60


def test_a_refusal_leaves_its_reason(replica: Replica, stream: io.StringIO) -> None:
    replica.login("bob", "a wrong guess")
    replica.me("e30.e30.e30")
    old = replica.tokens("bob")["refresh_token"]
    replica.refresh(replica.refresh(old).json()["refresh_token"])
    replica.refresh(old)
    told = lines(stream)
    assert (told[0]["problem"], told[0]["user"]) == ("wrong-password", "bob")
    assert told[1]["problem"] == "unauthenticated"
    assert told[-1]["problem"] == "invalid-grant"
    assert "used before" in told[-1]["why"]


def test_no_line_holds_a_secret(replica: Replica, stream: io.StringIO) -> None:
    tokens = replica.tokens("bob")
    successor = replica.refresh(tokens["refresh_token"]).json()
    replica.http.get(f"/v1/me?access_token={tokens['access_token']}", headers=bearer(successor["access_token"]))
    replica.me(tokens["access_token"] + "x")
    replica.http.post("/v1/revoke", data={"token": successor["refresh_token"]})
    replica.login("bob", PASSWORD + "!")
    assert len(lines(stream)) == 6
    for secret in (PASSWORD, *tokens.values(), *successor.values()):
        if isinstance(secret, str) and secret != "Bearer":
            assert secret not in stream.getvalue()
            assert secret.split(".")[0] not in stream.getvalue()


@pytest.mark.parametrize("name", ["a\r\nb", 'a"} {"event":"forged', "a\x00\x1b[2J", "a\u2028b", "\u202eadmin"])
def test_no_line_can_be_forged(replica: Replica, stream: io.StringIO, name: str) -> None:
    """STRIDE 36, in the body and in the path."""
    assert replica.login(name).status_code == 422
    replica.http.get(f"/v1/users/{quote(name)}")
    text = stream.getvalue()
    assert len(text.splitlines()) == len(lines(stream)) == 2
    assert text.isascii()
    assert all(line["event"] == "request" for line in lines(stream))


def test_request_ids(replica: Replica) -> None:
    assert replica.http.get("/healthz", headers={"X-Request-Id": "abc-1.2_3"}).headers["x-request-id"] == "abc-1.2_3"
    for hostile in ("a b", "x" * 65, 'a"b', ""):
        given = replica.http.get("/healthz", headers={"X-Request-Id": hostile}).headers["x-request-id"]
        assert given != hostile
        assert len(given) == 16


def test_safe_headers_on_every_answer(replica: Replica, admin: dict[str, str]) -> None:
    for path in ("/healthz", "/v1/me", "/v1/users", "/nope", "/v1/keys"):
        headers = replica.http.get(path, headers=admin).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == ("public, max-age=15" if path == "/v1/keys" else "no-store")


def test_metrics_count_routes_not_people(replica: Replica, admin: dict[str, str]) -> None:
    replica.http.get("/v1/users/bob", headers=admin)
    replica.http.get("/v1/users/nobody", headers=admin)
    replica.http.get("/somewhere/else")
    replica.http.request("BREW", "/healthz")
    text = replica.http.get("/metrics").text
    assert 'fanfold_auth_requests_total{method="GET",route="/v1/users/{name}",status="200"} 1' in text
    assert 'fanfold_auth_requests_total{method="GET",route="/v1/users/{name}",status="404"} 1' in text
    assert 'fanfold_auth_requests_total{method="GET",route="unmatched",status="404"} 1' in text
    assert 'fanfold_auth_requests_total{method="other",route="/healthz",status="405"} 1' in text
    assert 'fanfold_auth_request_seconds_count{route="/v1/users/{name}"} 2' in text
    assert 'fanfold_auth_request_seconds_bucket{le="+Inf",route="/v1/users/{name}"} 2' in text
    assert not {"ada", "bob", "nobody", "BREW"} & set(text.replace('"', " ").replace("/", " ").split())
