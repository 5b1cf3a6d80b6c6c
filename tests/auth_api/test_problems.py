"""Every error is a problem that says what and where, and never quotes a secret; OpenAPI tells them all."""

import json
import re
from typing import Any

import pydantic
import pytest

from fanfold_auth.routes import health, keys, login, tokens, users
from fanfold_storage.errors import PermissionDenied
from fanfold_web.http.problems import ProblemDetails
from tests.auth_api.service import PASSWORD, Replica
from tests.web.described import resolved, told

JSON = {"Content-Type": "application/json"}
SECRET = "s3cret-that-must-not-come-back"


def problem(answer: Any, status: int) -> ProblemDetails:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found = ProblemDetails.model_validate(answer.json())
    assert found.status == status
    assert found.detail[-1] in ".)"
    return found


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nope", 404), ("GET", "/v1/users/", 404), ("GET", "/v1//me", 404), ("POST", "/v1/me", 405),
     ("DELETE", "/v1/keys", 405), ("TRACE", "/v1/login", 405), ("GET", "/docs", 404), ("GET", "/redoc", 404)],
)  # fmt: skip
def test_nothing_there(replica: Replica, method: str, path: str, status: int) -> None:
    answer = replica.http.request(method, path)
    problem(answer, status)
    assert (status == 405) == ("allow" in answer.headers)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"[]", b'"x"', b"\xff", b'{"name": "bob"', b"[" * 60_000, b"9" * 60_000,
        json.dumps({"name": "bob", "password": [SECRET]}).encode(),
        json.dumps({"name": SECRET.upper(), "password": SECRET}).encode(),
        json.dumps({"name": "bob", "password": SECRET, SECRET: 1}).encode()[:-1],
        json.dumps({"name": "bob", "password": SECRET, "roles": [SECRET]}).encode(),
        json.dumps({"name": "bob", "password": {"deep": {"er": SECRET}}}).encode(),
    ],
)  # fmt: skip
def test_bodies_that_are_none(replica: Replica, body: bytes) -> None:
    """STRIDE 42 and 50: refused, and not quoted."""
    answer = replica.http.post("/v1/login", content=body, headers=JSON)
    assert problem(answer, answer.status_code).status in (400, 422)
    assert SECRET not in answer.text
    assert SECRET.upper() not in answer.text


def test_a_body_of_another_type(replica: Replica) -> None:
    body = json.dumps({"name": "bob", "password": PASSWORD}).encode()
    for kind in ({"Content-Type": "text/plain"}, {"Content-Type": "multipart/form-data; boundary=x"}, {}):
        told = problem(replica.http.post("/v1/login", content=body, headers=kind), 422)
        assert told.detail == "The body must be JSON. Send Content-Type: application/json."


@pytest.mark.parametrize("path", ["/v1/login", "/v1/token", "/v1/revoke"])
def test_bodies_are_bounded(replica: Replica, path: str) -> None:
    """Announced or not, and counted as it comes."""
    problem(replica.http.post(path, content=b"x" * 70_000), 413)
    kind = JSON if path == "/v1/login" else {"Content-Type": "application/x-www-form-urlencoded"}

    async def chunks() -> Any:
        for _ in range(70):
            yield b"x" * 1000

    problem(replica.http.post(path, content=chunks(), headers=kind), 413)


def test_a_fault_of_ours_is_a_problem_too(
    replica: Replica, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("fanfold_auth.tokens.refresh.Refreshes.begin", fail)
    answer = replica.login("bob")
    assert "a bug" not in problem(answer, 500).detail
    assert answer.headers["x-request-id"]
    assert any(record.exc_info and record.exc_info[0] is ZeroDivisionError for record in caplog.records)


def test_a_store_that_refuses_is_a_problem_whose_words_stay_in_the_log(
    replica: Replica, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionDenied("no access at 10.0.0.7")

    monkeypatch.setattr("fanfold_auth.accounts.users.Users.find", refuse)
    answer = replica.login("bob")
    assert problem(answer, 500).type == "urn:fanfold:problem:store-refused"
    assert "10.0.0.7" not in answer.text and "10.0.0.7" in caplog.text


@pytest.fixture
def document(replica: Replica) -> dict[str, Any]:
    answer = replica.http.get("/openapi.json")
    assert answer.status_code == 200
    return dict(answer.json())


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(f"{verb} {path}", op) for path, item in document["paths"].items() for verb, op in item.items()]


def test_openapi_names_every_route(document: dict[str, Any]) -> None:
    names = """get /healthz|get /readyz|get /metrics|post /v1/login|post /v1/token|post /v1/revoke|get /v1/me
        get /v1/keys|get /v1/keys.pem|post /v1/keys/rotate
        get /v1/users|post /v1/users|get /v1/users/{name}|patch /v1/users/{name}|delete /v1/users/{name}
        put /v1/users/{name}/password|put /v1/users/{name}/roles/{role}|delete /v1/users/{name}/roles/{role}
        get /v1/groups|get /v1/groups/{group}|put /v1/users/{name}/groups/{group}
        delete /v1/users/{name}/groups/{group}
        get /v1/tokens|post /v1/tokens|delete /v1/tokens/{token_name}
        get /v1/delegations|post /v1/delegations|delete /v1/delegations/{delegation_id}
        get /.well-known/openid-configuration|get /.well-known/oauth-authorization-server
        post /token|post /device_authorization|get /v1/sessions|delete /v1/sessions|delete /v1/sessions/{session_id}
        get /userinfo|post /userinfo
        get /v1/clients|post /v1/clients|get /v1/clients/{client_id}|delete /v1/clients/{client_id}"""
    assert sorted(name for name, _ in operations(document)) == sorted(re.split(r"\||\n +", names))


def test_openapi_explains_every_operation(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert operation["summary"], name
        assert operation["description"], name
        nouns = ("/users", "/groups", "/tokens", "/delegations", "/clients", "/userinfo", "/sessions")
        guarded = name.startswith("get /v1/me") or "rotate" in name or any(noun in name for noun in nouns)
        assert ("security" in operation) == guarded, name
        assert ("401" in operation["responses"]) == (
            guarded or name in {"post /v1/login", "post /token", "post /device_authorization"}
        ), name
        assert "HTTPValidationError" not in str(operation), name


def test_openapi_has_an_example_of_every_body_and_problem(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    def has_example(content: dict[str, Any]) -> bool:
        schema = content.get("schema", {})
        named = schemas[schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema
        return bool(content.get("example") or content.get("examples") or named.get("examples"))

    for name, operation in operations(document):
        contents = dict(operation.get("requestBody", {}).get("content", {}))
        for status, reference in operation["responses"].items():
            response = resolved(document, reference)
            contents |= {f"{status} {kind}": content for kind, content in response.get("content", {}).items()}
        for kind, content in contents.items():
            assert has_example(content), (name, kind)
            if "problem" in kind:
                for example in content["examples"].values():
                    assert str(ProblemDetails.model_validate(example["value"]).status) == kind.split()[0]


def test_examples_are_what_they_are_examples_of() -> None:
    names = [item for module in (health, keys, login, tokens, users) for item in vars(module).values()]
    models = {item for item in names if isinstance(item, type) and issubclass(item, pydantic.BaseModel)}
    shown = 0
    for model in models:
        for example in (model.model_config.get("json_schema_extra") or {}).get("examples", []):  # type: ignore[union-attr]
            model.model_validate(example)
            shown += 1
    assert shown >= 9


def test_openapi_tells_every_refusal_that_happens(
    replica: Replica, document: dict[str, Any], admin: dict[str, str]
) -> None:
    calls: list[tuple[str, str, str, Any, dict[str, str]]] = [
        ("post", "/v1/login", "/v1/login", {"name": "bob", "password": "wrong"}, {}),
        ("post", "/v1/login", "/v1/login", {}, {}),
        ("get", "/v1/me", "/v1/me", None, {}),
        ("post", "/v1/token", "/v1/token", None, {}),
        ("post", "/v1/users", "/v1/users", {"name": "bob", "password": PASSWORD, "roles": ["viewer"]}, admin),
        ("post", "/v1/users", "/v1/users", {"name": "cleo", "password": "password", "roles": ["viewer"]}, admin),
        ("patch", "/v1/users/ada", "/v1/users/{name}", {"disabled": True}, admin),
        ("delete", "/v1/users/nobody", "/v1/users/{name}", None, admin),
        ("delete", "/v1/users/ada/roles/admin", "/v1/users/{name}/roles/{role}", None, admin),
        ("put", "/v1/users/ada/password", "/v1/users/{name}/password", {"password": PASSWORD}, admin),
    ]
    for verb, path, template, body, headers in calls:
        answer = replica.http.request(verb.upper(), path, json=body, headers=headers)
        response = told(document, template, verb, answer)
        slug = re.sub("^urn:fanfold:problem:", "", answer.json()["type"])
        assert slug in response["content"]["application/problem+json"]["examples"], (verb, path, slug)


def test_openapi_tells_the_headers_of_every_answer(
    replica: Replica, document: dict[str, Any], admin: dict[str, str]
) -> None:
    tokens = replica.tokens("bob")
    cleo = {"name": "cleo", "password": PASSWORD, "roles": ["viewer"]}
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    role = "/v1/users/{name}/roles/{role}"
    calls: list[tuple[str, str, str, dict[str, Any], int]] = [
        ("POST", "/v1/login", "/v1/login", {"json": {"name": "bob", "password": PASSWORD}}, 200),
        ("POST", "/v1/login", "/v1/login", {"json": {"name": "bob", "password": "wrong"}}, 401),
        ("POST", "/v1/token", "/v1/token", {"data": refresh}, 200),
        ("POST", "/v1/revoke", "/v1/revoke", {"data": {"token": "x"}}, 200),
        ("GET", "/v1/me", "/v1/me", {"headers": admin}, 200),
        ("GET", "/v1/keys", "/v1/keys", {}, 200),
        ("GET", "/v1/keys.pem", "/v1/keys.pem", {}, 200),
        ("GET", "/v1/users", "/v1/users", {"headers": admin}, 200),
        ("POST", "/v1/users", "/v1/users", {"headers": admin, "json": cleo}, 201),
        ("GET", "/v1/users/cleo", "/v1/users/{name}", {"headers": admin}, 200),
        ("PUT", "/v1/users/cleo/roles/submitter", role, {"headers": admin}, 200),
        ("DELETE", "/v1/users/cleo/roles/submitter", role, {"headers": admin}, 200),
        ("DELETE", "/v1/users/cleo", "/v1/users/{name}", {"headers": admin}, 204),
        ("POST", "/v1/keys/rotate", "/v1/keys/rotate", {"headers": admin}, 201),
        ("GET", "/healthz", "/healthz", {}, 200),
        ("GET", "/readyz", "/readyz", {}, 200),
        ("GET", "/metrics", "/metrics", {}, 200),
        *[("POST", "/v1/login", "/v1/login", {"json": {"name": "eve", "password": "wrong"}}, 401)] * 5,
        ("POST", "/v1/login", "/v1/login", {"json": {"name": "eve", "password": "wrong"}}, 429),
    ]
    for verb, path, template, options, status in calls:
        answer = replica.http.request(verb, path, **options)
        assert answer.status_code == status, (verb, path, answer.text)
        told(document, template, verb, answer)
