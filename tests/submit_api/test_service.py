"""What the service says of itself, and how it behaves when a part of it is away."""

import hashlib
import io
import json
import logging
import platform
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fanfold.dependencies.targets import this_machine
from fanfold_storage.errors import Unavailable
from fanfold_submit.settings import Settings
from fanfold_web.command import BadSetting
from fanfold_web.http import problem_types, problems
from fanfold_web.http.problems import ProblemDetails
from fanfold_web.log import json_lines
from tests.submit_api.conftest import KeyServer, Site, User
from tests.waiting import poll
from tests.web.described import resolved, told


def test_about_names_the_host_by_which_it_was_reached(shared_site: Site) -> None:
    http = shared_site.bearer(None).http
    about = http.get("/v1/about").json()
    assert about == {
        "version": "0.1.0",
        "engine": "local",
        "isolated": False,
        "auth_url": "http://127.0.0.1:1337",
        "steps_python": platform.python_version(),
        "steps_platform": this_machine().platform,
        "argo_ui": None,
    }
    for host, name in [("node-7:30002", "node-7"), ("[::1]:1338", "[::1]"), ("evil/<script>", "127.0.0.1")]:
        assert http.get("/v1/about", headers={"Host": host}).json()["auth_url"] == f"http://{name}:1337"


def test_health_and_metrics(shared_site: Site) -> None:
    http = shared_site.bearer(None).http
    assert http.get("/healthz").json() == {"status": "ok"}
    assert http.get("/readyz").json() == {"status": "ready"}
    http.get("/v1/files/no%22thing")
    text = http.get("/metrics").text
    assert 'fanfold_submit_requests_total{method="GET",route="/v1/files/{path:any_path}",status="401"}' in text
    assert 'fanfold_submit_request_seconds_bucket{le="+Inf",route="/healthz"}' in text


def test_ready_means_that_everything_is_at_hand(open_site: Callable[..., Site], key_server: KeyServer) -> None:
    key_server.away = True
    site = open_site()
    http = site.bearer(None).http
    answer = http.get("/readyz")
    assert answer.status_code == 503 and "auth service's keys" in answer.json()["detail"]
    refused = site.user("ada").http.get("/v1/me")
    assert refused.status_code == 503 and refused.headers["Retry-After"]
    key_server.away = False
    poll(lambda: http.get("/readyz").status_code == 200)
    assert site.user("ada").http.get("/v1/me").status_code == 200


def test_a_dead_reconciler_is_told(open_site: Callable[..., Site]) -> None:
    site = open_site()
    site.apps[0].app.state.service.controller.stop()
    assert site.bearer(None).http.get("/healthz").status_code == 503


def test_storage_that_is_away_is_a_503(open_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch) -> None:
    site = open_site()

    def away(*_: object) -> None:
        raise Unavailable("no answer from 10.0.0.7")

    monkeypatch.setattr(site.records, "get", away)
    answer = site.user("ada").http.get(f"/v1/jobs/{'0' * 20}")
    assert answer.status_code == 503 and answer.headers["Retry-After"] and "10.0.0.7" not in answer.text
    assert "records" in site.bearer(None).http.get("/readyz").json()["detail"]


def test_a_defect_is_a_problem_without_a_traceback(
    open_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    site = open_site()
    monkeypatch.setattr(site.records, "get", lambda *_: 1 / 0)
    answer = site.user("ada").http.get(f"/v1/jobs/{'0' * 20}", headers={"X-Request-Id": "r-7"})
    assert answer.status_code == 500 and "division" not in answer.text
    assert answer.headers["X-Request-Id"] == "r-7" and "ZeroDivisionError" in caplog.text


def test_unknown_paths_and_methods_are_problems(shared_site: Site) -> None:
    http = shared_site.bearer(None).http
    for method, path, status in [("GET", "/v1/nothing", 404), ("PATCH", "/v1/jobs", 405), ("GET", "/v1/jobs/", 404)]:
        answer = http.request(method, path)
        assert answer.status_code == status and answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["status"] == status and path in answer.json()["detail"]
    invalid = shared_site.user("ada").http.post("/v1/jobs", content=b"{no json", headers={"Content-Type": "text/json"})
    assert invalid.status_code == 422 and invalid.json()["errors"]


OPEN = {"/v1/about", "/healthz", "/readyz", "/metrics"}  # without a token


def test_the_description_is_whole(shared_site: Site) -> None:
    document = shared_site.bearer(None).http.get("/openapi.json").json()
    operations = [(path, method, found) for path, item in document["paths"].items() for method, found in item.items()]
    assert operations
    for path, method, found in operations:
        assert found["summary"] and found["description"], (method, path)
        assert "default" not in found["responses"] and "HTTPValidationError" not in str(found), (method, path)
        assert {"401", "403", "503"} <= set(found["responses"]) or path in OPEN, (method, path)
        assert {"405", "421", "500"} <= set(found["responses"]), (method, path)
        assert {"408", "413"} <= set(found["responses"]) or "requestBody" not in found, (method, path)
        made_up = found["operationId"].replace("_", " ").title()
        assert found["summary"] != made_up or " " not in made_up, "as FastAPI makes it of the function's name"
        for status, reference in found["responses"].items():
            response = resolved(document, reference)
            content = response.get("content", {}).get(problems.MEDIA_TYPE)
            assert (content is not None) == (status >= "400"), (method, path, status)
            for slug, example in (content or {"examples": {}})["examples"].items():
                assert example["value"]["type"] == f"{problem_types.TYPE}{slug}"
                assert str(ProblemDetails.model_validate(example["value"]).status) == status
    names = [found["operationId"] for _, _, found in operations]
    assert len(names) == len(set(names))
    for kind, there in document["components"].items():
        references = set(json.dumps(document).split(f'"#/components/{kind}/')[1:])
        assert {reference.partition('"')[0] for reference in references} <= set(there), kind


def test_the_description_of_a_submission_holds_the_spec_of_a_job(shared_site: Site) -> None:
    document = shared_site.bearer(None).http.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    spec = resolved(document, schemas["Spec"]["properties"]["spec"])
    assert {"stages", "input", "output", "on_error"} <= set(spec["properties"])
    assert spec["properties"]["stages"]["items"] == {"$ref": "#/components/schemas/StageSpec"}
    loose = [name for name, schema in schemas.items() if "properties" in schema and name in _reached(schemas, "Spec")]
    assert len(loose) > 15
    assert [name for name in loose if schemas[name].get("additionalProperties") is not False] == []


def _reached(schemas: dict[str, Any], name: str) -> set[str]:
    """The schemas that one refers to, and those that these refer to."""
    found, waiting = set[str](), [name]
    while waiting:
        if (name := waiting.pop()) not in found:
            found.add(name)
            parts = json.dumps(schemas[name]).split('"#/components/schemas/')[1:]
            waiting += [part.partition('"')[0] for part in parts]
    return found


@pytest.mark.thorough
def test_the_description_tells_the_headers_of_every_answer(shared_site: Site) -> None:
    ada, root = shared_site.user("ada-headers"), shared_site.user("root", "admin")
    document = ada.http.get("/openapi.json").json()
    ada.put("texts/a.txt")
    job = ada.submit(key="once").json()["id"]
    ada.wait(job)
    etag = ada.http.get("/v1/files/texts/a.txt").headers["ETag"]
    part, again = {"Range": "bytes=1-2"}, {"If-None-Match": etag}
    wordcount = {"job": {"builtin": "wordcount"}, "inputs": ["files:texts/"]}
    file, data = "/v1/files/{path}", "/v1/jobs/{job_id}/results/data"
    bundle = _zip()
    sha256 = hashlib.sha256(bundle).hexdigest()
    calls: list[tuple[User, str, str, str, dict[str, Any], int]] = [
        (ada, "GET", "/v1/about", "/v1/about", {}, 200),
        (ada, "GET", "/v1/me", "/v1/me", {}, 200),
        (shared_site.bearer("x"), "GET", "/v1/me", "/v1/me", {}, 401),
        (ada, "PUT", "/v1/files/texts/b.txt", file, {"content": b"x"}, 201),
        (ada, "GET", "/v1/files/texts/a.txt", file, {}, 200),
        (ada, "GET", "/v1/files/texts/a.txt", file, {"headers": part}, 206),
        (ada, "GET", "/v1/files/texts/a.txt", file, {"headers": again}, 304),
        (ada, "GET", "/v1/files/texts/a.txt", file, {"headers": {"Range": "bytes=99-"}}, 416),
        (ada, "GET", "/v1/files/texts/a.txt", file, {"headers": {"If-Match": '"x"'}}, 412),
        (ada, "HEAD", "/v1/files/texts/a.txt", file, {}, 200),
        (ada, "HEAD", "/v1/files/texts/a.txt", file, {"headers": again}, 304),
        (ada, "DELETE", "/v1/files/texts/b.txt", file, {}, 204),
        (ada, "GET", "/v1/files", "/v1/files", {}, 200),
        (ada, "PUT", f"/v1/bundles/{sha256}", "/v1/bundles/{sha256}", {"content": bundle}, 201),
        (ada, "PUT", f"/v1/bundles/{sha256}", "/v1/bundles/{sha256}", {"content": bundle}, 200),
        (ada, "HEAD", f"/v1/bundles/{sha256}", "/v1/bundles/{sha256}", {}, 200),
        (ada, "POST", "/v1/jobs", "/v1/jobs", {"json": wordcount}, 202),
        (ada, "POST", "/v1/jobs", "/v1/jobs", {"json": wordcount, "headers": {"Idempotency-Key": "once"}}, 200),
        (ada, "GET", f"/v1/jobs/{job}", "/v1/jobs/{job_id}", {}, 200),
        (ada, "GET", f"/v1/jobs/{job}/counters", "/v1/jobs/{job_id}/counters", {}, 200),
        (ada, "POST", f"/v1/jobs/{job}/cancel", "/v1/jobs/{job_id}/cancel", {}, 409),
        (ada, "GET", f"/v1/jobs/{job}/results", "/v1/jobs/{job_id}/results", {}, 200),
        (ada, "GET", f"/v1/jobs/{job}/results/data", data, {}, 200),
        (ada, "GET", f"/v1/jobs/{job}/results/data", data, {"headers": part}, 206),
        (ada, "GET", f"/v1/jobs/{job}/results/data", data, {"headers": {"If-None-Match": "*"}}, 304),
        (ada, "GET", f"/v1/jobs/{job}/results/preview", "/v1/jobs/{job_id}/results/preview", {}, 200),
        (ada, "GET", f"/v1/jobs/{job}/events", "/v1/jobs/{job_id}/events", {}, 200),
        (ada, "GET", f"/v1/jobs/{job}/workflow", "/v1/jobs/{job_id}/workflow", {}, 409),
        (ada, "POST", f"/v1/jobs/{job}/retry", "/v1/jobs/{job_id}/retry", {}, 409),
        (ada, "PATCH", "/v1/jobs", "/v1/jobs", {}, 405),
        (root, "DELETE", "/v1/owners/nobody", "/v1/owners/{owner_id}", {}, 200),
        (root, "GET", "/healthz", "/healthz", {}, 200),
        (root, "GET", "/metrics", "/metrics", {}, 200),
    ]
    for user, verb, path, template, options, status in calls:
        answer = user.http.request(verb, path, **options)
        assert answer.status_code == status, (verb, path, answer.text)
        told(document, template, "get" if verb == "PATCH" else verb, answer)


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("headers.py", "")
    return file.getvalue()


@pytest.mark.thorough
def test_the_description_tells_every_refusal_that_happens(shared_site: Site) -> None:
    document = shared_site.bearer(None).http.get("/openapi.json").json()
    ada, vera, zeros = shared_site.user("ada-told"), shared_site.user("vera", "viewer"), "0" * 64
    ada.put("texts/a.txt")
    job = ada.submit().json()["id"]
    ada.wait(job)
    wordcount = {"job": {"builtin": "wordcount"}, "inputs": ["files:texts/"]}
    calls: list[tuple[User, str, str, str, dict[str, Any], int]] = [
        (shared_site.bearer("e30.e30.e30"), "get", "/v1/me", "/v1/me", {}, 401),
        (vera, "post", "/v1/jobs", "/v1/jobs", {"json": wordcount}, 403),
        (vera, "put", "/v1/files/a", "/v1/files/{path}", {"content": b"x"}, 403),
        (ada, "put", "/v1/files/a%2F..%2Fb", "/v1/files/{path}", {"content": b"x"}, 400),
        (ada, "put", "/v1/files/big", "/v1/files/{path}", {"content": b"x" * ((1 << 24) + 1)}, 413),
        (ada, "put", "/v1/files/@shared/a", "/v1/files/{path}", {"content": b"x"}, 403),
        (ada, "get", "/v1/files/none", "/v1/files/{path}", {}, 404),
        (ada, "get", "/v1/files/texts/a.txt", "/v1/files/{path}", {"headers": {"Range": "bytes=99-"}}, 416),
        (ada, "delete", "/v1/files/none", "/v1/files/{path}", {}, 404),
        (ada, "get", "/v1/files?limit=0", "/v1/files", {}, 422),
        (ada, "put", f"/v1/bundles/{zeros}", "/v1/bundles/{sha256}", {"content": b"x"}, 422),
        (ada, "post", "/v1/jobs", "/v1/jobs", {"content": b"\xff", "headers": JSON}, 400),
        (ada, "post", "/v1/jobs", "/v1/jobs", {"json": {}}, 422),
        (ada, "post", "/v1/jobs", "/v1/jobs", {"content": b" " * (2 << 20), "headers": JSON}, 413),
        (ada, "post", "/v1/jobs", "/v1/jobs", {"json": wordcount | {"output": "files:texts/"}}, 409),
        (ada, "post", "/v1/jobs", "/v1/jobs", {"json": wordcount | {"inputs": ["s3://a/"]}}, 403),
        (ada, "get", "/v1/jobs?cursor=x", "/v1/jobs", {}, 400),
        (ada, "get", "/v1/jobs?all=true", "/v1/jobs", {}, 403),
        (ada, "get", "/v1/jobs/none", "/v1/jobs/{job_id}", {}, 404),
        (ada, "post", f"/v1/jobs/{job}/cancel", "/v1/jobs/{job_id}/cancel", {}, 409),
        (ada, "get", f"/v1/jobs/{job}/results/data?output=x", "/v1/jobs/{job_id}/results/data", {}, 404),
        (ada, "get", f"/v1/jobs/{job}/results/preview?records=0", "/v1/jobs/{job_id}/results/preview", {}, 422),
    ]
    for user, verb, path, template, options, status in calls:
        answer = user.http.request(verb.upper(), path, **options)
        assert answer.status_code == status, (verb, path, answer.text)
        response = told(document, template, verb, answer)
        slug = answer.json()["type"].removeprefix(problem_types.TYPE)
        assert slug in response["content"][problems.MEDIA_TYPE]["examples"], (verb, path, slug)


def test_the_log_has_a_line_for_each_request_and_no_token(shared_site: Site) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(json_lines())
    logger = logging.getLogger("fanfold_submit.requests")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        ada = shared_site.user("ada-log")
        ada.http.get("/v1/files/a%0Ab?prefix=secret", headers={"X-Request-Id": "bad id"})
        poll(lambda: "/v1/files/a" in stream.getvalue())
    finally:
        logger.removeHandler(handler)
    # The site is shared: a request of an earlier test may be told late.
    (line,) = [line for line in stream.getvalue().splitlines() if "/v1/files/a" in line]
    entry = json.loads(line)
    assert entry["method"] == "GET" and entry["path"] == "/v1/files/a\nb" and entry["status"] in {400, 404}
    assert entry["time"].endswith("Z") and entry["request_id"] != "bad id"
    token = ada.http.headers["Authorization"].split(".")[-1]
    assert token not in line and "secret" not in line


JSON = {"Content-Type": "application/json"}
ENVIRONMENT = {
    "FANFOLD_SUBMIT_ISSUER": "http://auth:1337",
    "FANFOLD_SUBMIT_JWKS_URL": "http://auth:1337/v1/keys",
    "FANFOLD_SUBMIT_AUTH_URL": "http://{host}:30001",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_settings_come_from_the_environment(environment: pytest.MonkeyPatch) -> None:
    for name, value in {"S3_PLACES": "s3://a/,s3://b/c/", "LARGEST_FILE": "5", "ARGO_UI": ""}.items():
        environment.setenv(f"FANFOLD_SUBMIT_{name}", value)
    settings = Settings.from_environment()
    assert settings.s3_places == ("s3://a/", "s3://b/c/") and settings.largest_file == 5 and settings.argo_ui is None


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ISSUER", "", "is not set: give it the `iss` of the auth service's tokens"),
        ("AUTH_URL", "auth:1337", "is 'auth:1337': give it the URL at which users reach the auth service"),
        ("ARGO_UI", "argo", "is 'argo': give it the URL of the Argo UI"),
        ("AUDIENCE", "", "is empty: give it the `aud`"),
        ("S3_PLACES", "s3://bucket", "is 's3://bucket': give it places that each are s3://bucket/"),
        ("LARGEST_FILE", "5GB", "is '5GB': give it a whole number of bytes"),
        ("LARGEST_BUNDLE", "0", "is '0': give it a whole number of bytes, 1 or more"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(
    environment: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    environment.setenv(f"FANFOLD_SUBMIT_{name}", value)
    with pytest.raises(BadSetting) as refusal:
        Settings.from_environment()
    assert str(refusal.value).startswith(f"FANFOLD_SUBMIT_{name} {words}")


WILD = ("s3://open/*", "s3://open/fan?old/files/bob/a.txt", "s3://open/**/bob/", "s3://open/fanfold/files/*/a.txt")


def test_data_of_others_does_not_lie_in_reach(open_site: Callable[..., Site], tmp_path: Path) -> None:
    """S3 places that hold the service's own areas are refused even where they are allowed by mistake."""
    site = open_site(s3_places=("s3://open/",))
    service = site.apps[0].app.state.service
    object.__setattr__(service.places, "root", "s3://open/fanfold/")
    ada = site.user("ada")
    for place in ("s3://open/", "s3://open/fanfold/", "s3://open/fanfold", "s3://open/fanfold/files/bob/", *WILD):
        answer = ada.submit({"job": {"builtin": "wordcount"}, "inputs": [place]})
        assert answer.status_code == 403 and "belongs to the service" in answer.json()["detail"], place
    answer = ada.submit({"job": {"builtin": "wordcount"}, "inputs": ["s3://open/../secret/"]})
    assert answer.status_code == 400
