"""Tokens: which are let in, which are not and why; roles; whose job it is."""

import base64
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fanfold_storage.records import Record, Write
from tests.submit_api.conftest import ISSUER, Signer, Site
from tests.submit_api.engine import ScriptedEngine
from tests.waiting import poll

Forge = Callable[[Signer], str | None]


def unsigned(signer: Signer) -> str:
    return jwt.encode(signer.claims(), "", "none", {"kid": signer.kid, "typ": "at+jwt"})


def with_public_key_as_secret(signer: Signer) -> str:
    """The classic: HS256 over the public PEM. PyJWT refuses to make it, so it is made by hand."""
    import hashlib
    import hmac

    pem = signer.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": "HS256", "typ": "at+jwt", "kid": signer.kid}
    signed = ".".join(_encoded(json.dumps(part).encode()) for part in (header, signer.claims()))
    return f"{signed}.{_encoded(hmac.new(pem, signed.encode(), hashlib.sha256).digest())}"


def with_own_jwk(signer: Signer) -> str:
    stranger = Signer("stranger")
    headers = {"kid": "stranger", "typ": "at+jwt", "jwk": stranger.jwk(), "jku": "http://evil.test/keys"}
    return jwt.encode(signer.claims(), stranger.key, "RS256", headers)


def with_header(signer: Signer, **headers: Any) -> str:
    return jwt.encode(signer.claims(), signer.key, "RS256", {"kid": signer.kid, "typ": "at+jwt", **headers})


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def tampered(signer: Signer) -> str:
    head, _, tail = signer.token().split(".")
    return ".".join([head, _encoded(json.dumps(signer.claims(roles=["admin"])).encode()), tail])


def nested(signer: Signer) -> str:
    return ".".join([_encoded(b"[" * 5_000), _encoded(b"{}"), ""])


def with_a_claim_twice(signer: Signer) -> str:
    """Signed as it stands, with a `sub` for each reader to choose from."""
    payload = json.dumps(signer.claims())[:-1] + ', "sub": "root"}'
    return jwt.PyJWS().encode(payload.encode(), signer.key, "RS256", {"kid": signer.kid, "typ": "at+jwt"})


REFUSED: dict[str, tuple[Forge, str]] = {
    "none": (lambda signer: None, "needs an access token"),
    "garbage": (lambda signer: "garbage", "is not valid"),
    "a foreign key under a known kid": (lambda signer: Signer(signer.kid).token(), "its signature is wrong"),
    "a foreign key": (lambda signer: Signer("stranger").token(), "does not publish"),
    "its own key in the header": (with_own_jwk, "an extension or a key"),
    "HS256 with the public key": (with_public_key_as_secret, "not signed with RS256"),
    "alg none": (unsigned, "not signed with RS256"),
    "tampered with": (tampered, "is not valid"),
    "expired": (lambda signer: signer.token(exp=int(time.time()) - 60), "expired"),
    "not valid yet": (lambda signer: signer.token(nbf=int(time.time()) + 600), "is not valid"),
    "no exp": (lambda signer: signer.token(exp=None), "exp"),
    "no iat": (lambda signer: signer.token(iat=None), "iat"),
    "no sub": (lambda signer: signer.token(sub=None), "sub"),
    "no aud": (lambda signer: signer.token(aud=None), "aud"),
    "no iss": (lambda signer: signer.token(iss=None), "iss"),
    "another audience": (lambda signer: signer.token(aud="other"), "another service"),
    "another issuer": (lambda signer: signer.token(iss="http://evil.test"), "another issuer"),
    "the issuer with a slash": (lambda signer: signer.token(iss=f"{ISSUER}/"), "another issuer"),
    "an ID token": (lambda signer: signer.token(typ="JWT"), "at+jwt"),
    "demanding extensions": (lambda signer: with_header(signer, crit=["b64"], b64=True), "extension"),
    "its own key beside a known one": (
        lambda signer: with_header(signer, jwk=signer.jwk()),
        "such as an extension or a key",
    ),
    "kid a path": (lambda signer: with_header(signer, kid="../../dev/null"), "does not publish"),
    "sub a path": (lambda signer: signer.token(sub="../ada"), "`sub`: Value error, not a user's id"),
    "no name": (lambda signer: signer.token(preferred_username=None), "preferred_username"),
    "sub a number": (lambda signer: signer.token(sub=7), "is not valid"),
    "no stamp": (lambda signer: signer.token(stamp=None), "stamp"),
    "no nbf": (lambda signer: signer.token(nbf=None), "nbf"),
    "aud a list": (lambda signer: signer.token(aud=["fanfold"]), "aud"),
    "exp a text": (lambda signer: signer.token(exp="9999999999"), "exp"),
    "roles a text": (lambda signer: signer.token(roles="admin"), "roles"),
    "nested deeply": (nested, "is not valid"),
    "a claim given twice": (with_a_claim_twice, "given twice"),
    "a megabyte long": (lambda signer: "x" * 20_000, "Authorization"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_token_that_does_not_hold_is_refused(shared_site: Site, signer: Signer, case: str) -> None:
    forge, words = REFUSED[case]
    answer = shared_site.bearer(forge(signer)).http.get("/v1/jobs")
    assert answer.status_code == 401, answer.text
    assert words in answer.json()["detail"]
    assert answer.headers["Content-Type"] == "application/problem+json"
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith("Bearer") and ("invalid_token" in challenge) == (case != "none")


def test_another_scheme_is_refused(shared_site: Site) -> None:
    answer = shared_site.bearer(None).http.get("/v1/me", headers={"Authorization": "Basic YTpi"})
    assert answer.status_code == 401 and "Bearer TOKEN" in answer.json()["detail"]
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="fanfold"'


def test_a_good_token_is_who_it_says(shared_site: Site) -> None:
    answer = shared_site.user("bob", "viewer", "submitter").http.get("/v1/me")
    assert answer.json() == {"id": "bob", "name": "bob", "roles": ["viewer", "submitter"], "groups": []}


def test_unknown_roles_count_for_nothing(shared_site: Site) -> None:
    answer = shared_site.user("bob", "emperor").http.get("/v1/me")
    assert answer.status_code == 403 and "viewer" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/jobs"), ("PUT", "/v1/files/a"), ("DELETE", "/v1/files/a"), ("PUT", "/v1/bundles/" + "0" * 64)],
)
def test_a_viewer_may_not_change_anything(shared_site: Site, method: str, path: str) -> None:
    body = {"job": {"builtin": "wordcount"}, "inputs": ["files:texts/"]}
    answer = shared_site.user("vera", "viewer").http.request(method, path, json=body)
    assert answer.status_code == 403
    assert "role submitter" in answer.json()["detail"] and "insufficient_scope" in answer.headers["WWW-Authenticate"]


@pytest.mark.thorough
def test_every_route_but_the_open_ones_needs_a_token(shared_site: Site) -> None:
    nobody = shared_site.bearer(None)
    document = nobody.http.get("/openapi.json").json()
    open_paths = set()
    for path, operations in document["paths"].items():
        for method in operations:
            url = (
                path.replace("{path}", "a")
                .replace("{sha256}", "0" * 64)
                .replace("{job_id}", "0" * 20)
                .replace("{owner_id}", "a")
            )
            answer = nobody.http.request(method, url, json={"job": {"builtin": "wordcount"}, "inputs": []})
            if answer.status_code != 401:
                open_paths.add(path)
    assert open_paths == {"/v1/about", "/healthz", "/readyz", "/metrics"}


def test_the_next_user_of_a_name_gets_nothing_of_the_one_before(shared_site: Site, signer: Signer) -> None:
    before = shared_site.bearer(signer.token("eva", sub="3f9d0c7a51e8b264d09f"))
    after = shared_site.bearer(signer.token("eva", sub="c2d95a80f14be7360a1d"))
    before.put("texts/a.txt")
    job = before.submit(key="once").json()
    assert (job["owner"], job["owner_id"]) == ("eva", "3f9d0c7a51e8b264d09f")
    assert after.http.get("/v1/me").json()["name"] == "eva"
    assert after.http.get("/v1/files").json()["items"] == after.http.get("/v1/jobs").json()["items"] == []
    for path in (f"/v1/jobs/{job['id']}", "/v1/files/texts/a.txt", f"/v1/jobs/{job['id']}/results"):
        assert after.http.get(path).status_code == 404
    assert after.http.post(f"/v1/jobs/{job['id']}/cancel").status_code == 404
    after.put("texts/a.txt", b"mine\n")
    assert after.submit(key="once").json()["id"] != job["id"]
    assert before.http.get("/v1/files/texts/a.txt").content == b"a b a\n"
    root = shared_site.user("root", "admin")
    by_name = root.http.get("/v1/jobs?owner=eva").json()["items"]
    assert {found["owner_id"] for found in by_name} == {"3f9d0c7a51e8b264d09f", "c2d95a80f14be7360a1d"}
    by_id = root.http.get("/v1/jobs?owner=3f9d0c7a51e8b264d09f").json()["items"]
    assert [found["id"] for found in by_id] == [job["id"]]


@pytest.mark.thorough
def test_what_was_stored_before_there_were_ids_stays_its_owners(site: Site) -> None:
    ada = site.user("ada")  # as the auth service says of users from then: the id is the name
    ada.put("texts/a.txt")
    job = ada.submit(key="once").json()["id"]
    ada.wait(job)
    record = site.records.get(f"submit/jobs/{job}")
    assert record
    old = {name: value for name, value in record.value.items() if name != "owner_id"}
    site.records.transact([], [Write(record.key, old)])
    assert [found["id"] for found in ada.http.get("/v1/jobs").json()["items"]] == [job]
    assert ada.job(job)["owner_id"] == "ada"
    assert ada.submit(key="once").json()["id"] == job
    assert ada.http.get(f"/v1/jobs/{job}/results/data").content == b"a\t2\nb\t1\n"
    poll(lambda: ada.http.delete(f"/v1/jobs/{job}").status_code == 204)  # once its workers have stopped
    assert ada.http.get("/v1/jobs").json()["items"] == []


def test_somebody_elses_job_is_not_there(shared_site: Site) -> None:
    ada, bob = shared_site.user("ada-own"), shared_site.user("bob-own")
    ada.put("texts/a.txt")
    job = ada.submit().json()["id"]
    for method, path in [("GET", ""), ("POST", "/cancel"), ("GET", "/results"), ("GET", "/results/data")]:
        theirs = bob.http.request(method, f"/v1/jobs/{job}{path}")
        missing = bob.http.request(method, f"/v1/jobs/{'0' * 20}{path}")
        assert theirs.status_code == missing.status_code == 404
        assert theirs.json()["detail"] == missing.json()["detail"].replace("0" * 20, job)
    assert bob.http.get("/v1/jobs").json()["items"] == []
    assert shared_site.user("root", "admin").job(job)["owner"] == "ada-own"


def test_asking_for_somebody_elses_job_takes_what_asking_for_none_takes(
    open_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time doesn't tell whether there is such a job: the same is read of the store."""
    site = open_site(ScriptedEngine())
    ada, bob = site.user("ada"), site.user("bob")
    ada.put("texts/a.txt")
    job = ada.submit().json()["id"]
    poll(lambda: ada.job(job)["state"] == "dispatched")
    get, read = site.records.get, list[str]()

    def noted(key: str) -> Record | None:
        if not threading.current_thread().name.startswith(("controller", "reconcile", "dispatcher")):
            read.append(key)
        return get(key)

    monkeypatch.setattr(site.records, "get", noted)
    for method, path in [("GET", ""), ("POST", "/cancel"), ("GET", "/results"), ("GET", "/counters"), ("DELETE", "")]:
        for found in (job, "0" * 20):
            read.clear()
            assert bob.http.request(method, f"/v1/jobs/{found}{path}").status_code == 404
            assert read == [f"submit/jobs/{found}"], (method, path)


def test_only_an_administrator_lists_others_jobs(shared_site: Site) -> None:
    ada, bob = shared_site.user("ada-list"), shared_site.user("bob-list")
    ada.put("texts/a.txt")
    job = ada.submit().json()["id"]
    for query in ("owner=ada-list", "all=true"):
        assert bob.http.get(f"/v1/jobs?{query}").status_code == 403
        items = shared_site.user("root", "admin").http.get(f"/v1/jobs?{query}").json()["items"]
        assert job in [item["id"] for item in items]
    assert [item["id"] for item in ada.http.get("/v1/jobs?owner=ada-list").json()["items"]] == [job]


def test_who_waits_for_the_auth_service_holds_up_nobody(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that was verified before is let in by the event loop, unless its key has to be fetched again."""
    ada = site.user()
    assert ada.http.get("/v1/me").status_code == 200
    keys, asked = site.apps[0].app.state.service.tokens.keys, threading.Event()
    find = keys.find

    def noted(kid: str) -> object:
        asked.set()
        return find(kid)

    monkeypatch.setattr(keys, "find", noted)
    assert ada.http.get("/v1/me").status_code == 200 and not asked.is_set()
    with ThreadPoolExecutor(1) as pool:
        with keys._lock:  # as while the auth service is being asked
            monkeypatch.setattr(keys, "_fetched", float("-inf"))
            waiting = pool.submit(ada.http.get, "/v1/me")
            assert asked.wait(10)
            assert site.bearer(None).http.get("/healthz").status_code == 200
            assert not waiting.done()
        assert waiting.result(10).status_code == 200
