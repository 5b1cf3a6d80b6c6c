"""What both services promise in the same words: each check is made of one and of the other."""

import gzip
import os
import re
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import fanfold_auth.app
import fanfold_submit.app
from fanfold_auth.accounts.passwords import Hashing
from fanfold_auth.settings import Settings as AuthSettings
from fanfold_storage.records import Records
from fanfold_storage.urls import open_objects, open_records
from fanfold_submit.settings import Settings as SubmitSettings
from fanfold_web.http import problem_types
from tests.auth_api.service import CHEAP, PASSWORD, Client, as_before_ids, bearer
from tests.submit_api.conftest import ISSUER, KeyServer, Signer
from tests.submit_api.engine import ScriptedEngine

NOW = 1_800_000_000


@dataclass(frozen=True)
class Service:
    """One of the services, called in this process; both trust the same key."""

    http: Client
    signer: Signer
    pages: str
    body: tuple[str, int]

    def admin(self, **changes: Any) -> dict[str, str]:
        """Headers with an administrator's token, which has these claims."""
        claims: dict[str, Any] = {"iat": NOW, "nbf": NOW, "exp": NOW + 600}
        return bearer(self.signer.token("ada", ["admin"], **claims | changes))


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Service]]:
    folder = tmp_path_factory.mktemp("services")
    records = open_records(f"sqlite://{folder}/records.db")
    auth, signer = _auth(folder, records)
    keys = KeyServer(signer)
    settings = SubmitSettings(issuer=ISSUER, jwks_url=keys.url, auth_url="http://auth.test")
    submit = fanfold_submit.app.build_app(
        settings, records, open_objects(f"file://{folder}/store/"), ScriptedEngine(), lambda: NOW
    )
    yield {
        "auth": Service(Client(auth), signer, "/v1/users", ("/v1/login", 64 << 10)),
        "submit": Service(Client(submit), signer, "/v1/jobs", ("/v1/jobs", 1 << 20)),
    }
    keys.close()
    records.close()


def _auth(folder: Path, records: Records) -> tuple[Any, Signer]:
    (folder / "kek").write_bytes(os.urandom(32))
    settings = AuthSettings(issuer=ISSUER, kek_file=folder / "kek")
    app = fanfold_auth.app.build_app(settings, records, lambda: NOW, Hashing(CHEAP))
    app.state.service.users.create("ada", PASSWORD, ["admin"])
    as_before_ids(records, "ada")  # so that her id and her stamp are those that the signer knows
    return app, Signer(*app.state.service.keys.signing())


@pytest.fixture(params=["auth", "submit"])
def service(request: pytest.FixtureRequest, services: dict[str, Service]) -> Service:
    return services[request.param]


@pytest.mark.parametrize(
    ("claim", "moment", "status"),
    [
        ("exp", NOW - 59, 200), ("exp", NOW - 60, 401), ("nbf", NOW + 60, 200), ("nbf", NOW + 61, 401),
        ("iat", NOW + 60, 200), ("iat", NOW + 61, 401),
    ],
)  # fmt: skip
def test_clocks_may_differ_by_a_minute_and_no_more(service: Service, claim: str, moment: int, status: int) -> None:
    assert service.http.get("/v1/me", headers=service.admin(**{claim: moment})).status_code == status


@pytest.mark.parametrize(
    ("header", "is_token", "words"),
    [
        ("", False, "This needs an access token"), ("Basic YTpi", False, "must be 'Bearer TOKEN'"),
        ("Bearer", False, "must be 'Bearer TOKEN'"), ("Bearer ", False, "must be 'Bearer TOKEN'"),
        ("Bearer abc", True, "The access token is not valid"), ("bearer  abc", True, "The access token is not valid"),
        ("Bearer " + "a" * 8192, True, "The access token is not valid"),
        ("Bearer " + "a" * 8193, True, "a token of at most 8192 characters"),
    ],
)  # fmt: skip
def test_a_challenge_names_an_error_only_where_a_token_was_sent(
    service: Service, header: str, is_token: bool, words: str
) -> None:
    response = service.http.get("/v1/me", headers={"Authorization": header})
    assert (response.status_code, words in response.json()["detail"]) == (401, True), response.text
    assert ('error="invalid_token"' in response.headers["WWW-Authenticate"]) == is_token


def test_a_token_in_the_url_or_a_cookie_is_none(service: Service) -> None:
    token = service.admin()["Authorization"].removeprefix("Bearer ")
    response = service.http.get(f"/v1/me?access_token={token}&token={token}", headers={"Cookie": f"token={token}"})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="fanfold"', "as if there were none"


def test_no_answer_sets_a_cookie(service: Service) -> None:
    """So there is no session to fixate, and nothing that a browser would send along from another site.

    The pages of the OpenID provider do, and have tests of their own for that (`tests/auth_api/openid`).
    """
    paths = service.http.get("/openapi.json").json()["paths"]
    answers = [service.http.get(path, headers=service.admin()) for path in paths]
    answers.append(service.http.post("/v1/login", json={"name": "ada", "password": PASSWORD}))
    assert all("Set-Cookie" not in answer.headers for answer in answers)
    assert 200 in {answer.status_code for answer in answers}


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "BREW"])
def test_methods_that_nothing_offers_are_refused(service: Service, method: str) -> None:
    response = service.http.request(method, "/v1/me", headers=service.admin() | {"X-Secret": "echo me"})
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert "echo me" not in response.text


def test_head_and_options_are_answered_on_every_path(service: Service) -> None:
    """HEAD as GET is, without its body; OPTIONS with all methods, as a refused one."""
    for template, operations in service.http.get("/openapi.json").json()["paths"].items():
        path = re.sub(r"{\w+}", "0" * 64, template)
        methods = {method.upper() for method in operations}
        told = service.http.request("OPTIONS", path)
        allowed = set(told.headers["Allow"].split(", "))
        assert (told.status_code, told.content) == (204, b"")
        assert methods <= allowed <= methods | {"HEAD", "OPTIONS"}, template
        assert service.http.request("BREW", path).headers["Allow"] == told.headers["Allow"]
        if "GET" in methods:
            get, head = (service.http.request(method, path, headers=service.admin()) for method in ("GET", "HEAD"))
            assert "HEAD" in allowed and head.status_code == get.status_code, template
            if template not in {"/metrics", "/healthz"}:  # those count, or are counted
                assert head.headers["Content-Length"] == get.headers["Content-Length"], template


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_a_header_names_no_other_method(service: Service, header: str) -> None:
    overridden = service.http.post("/v1/me", headers=service.admin() | {header: "GET"})
    assert overridden.status_code == 405
    query = service.http.get("/v1/me?_method=DELETE", headers=service.admin())
    assert query.status_code == 200


def test_a_compressed_body_is_not_unpacked(service: Service) -> None:
    """Twenty megabytes in twenty kilobytes: read as they are, they are no JSON."""
    path, limit = service.body
    bomb = gzip.compress(b" " * (20 << 20))
    assert len(bomb) < limit
    headers = service.admin() | {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    tracemalloc.start()
    response = service.http.post(path, content=bomb, headers=headers)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert response.status_code == 400, response.text
    assert peak < 10 << 20


@pytest.mark.parametrize(
    "path",
    [
        "/v1/me/", "/v1/keys/", "/v1/about/", "/docs", "/redoc", "/v2", "/", "//evil.example", "//evil.example/v1/me",
        "/\\evil.example", "/%2f/evil.example", "/v1/me//evil.example", "/https://evil.example", "/v1/me;/..",
    ],
)  # fmt: skip
def test_there_is_neither_a_redirect_nor_a_page_of_documentation(service: Service, path: str) -> None:
    response = service.http.get(f"http://service.test{path}")
    assert (response.status_code, response.json()["type"]) == (404, "urn:fanfold:problem:not-found")


@pytest.mark.parametrize("cursor", ["..", "a/b", "%FF%FE", "%00", "A", "a" * 200, "YWRh"])
def test_a_cursor_that_no_page_returned_is_refused_in_the_same_words(service: Service, cursor: str) -> None:
    response = service.http.get(f"{service.pages}?cursor={cursor}", headers=service.admin())
    assert response.status_code == 400, response.text
    assert response.json()["type"] == f"{problem_types.TYPE}invalid-cursor"
    document = service.http.get("/openapi.json").json()
    told = document["paths"][service.pages]["get"]["responses"]["400"]["content"]["application/problem+json"]
    assert told["examples"]["invalid-cursor"]["value"] == response.json()


def test_an_empty_cursor_is_the_beginning(service: Service) -> None:
    whole = service.http.get(service.pages, headers=service.admin())
    assert service.http.get(f"{service.pages}?cursor=", headers=service.admin()).json() == whole.json()


def test_a_body_may_be_as_large_as_the_limit(service: Service) -> None:
    path, limit = service.body
    headers = service.admin() | {"Content-Type": "application/json"}
    assert service.http.post(path, content=b" " * limit, headers=headers).status_code in {400, 422}
    assert service.http.post(path, content=b" " * (limit + 1), headers=headers).status_code == 413


@pytest.mark.parametrize(("request_id", "is_kept"), [("a" * 64, True), ("a" * 65, False), ("a b", False), ("", False)])
def test_a_request_keeps_its_id_if_it_is_a_plain_one(service: Service, request_id: str, is_kept: bool) -> None:
    headers = service.http.get("/metrics", headers={"X-Request-Id": request_id}).headers
    assert (headers["X-Request-Id"] == request_id) == is_kept
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
