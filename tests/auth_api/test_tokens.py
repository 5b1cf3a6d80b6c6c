"""Access tokens that do not hold: rows 1 to 14 of the attack table, each tried on a route that a good token opens."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from fanfold_storage.records.protocol import Record, Records
from fanfold_web.refusals import Unauthenticated
from fanfold_web.tokens.access_tokens import Claims, Verifier
from tests.auth_api.service import START, Clock, Replica, as_before_ids, start_replica

STRANGER = rsa.generate_private_key(65537, 2048)
NOW = int(START)


def good_claims(**changes: Any) -> dict[str, Any]:
    claims = {
        "iss": "https://auth.example.org", "aud": "fanfold", "sub": "ada", "preferred_username": "ada",
        "client_id": "fanfold", "roles": ["admin"], "stamp": "e-ada", "groups": ["admin"],
        "iat": NOW, "nbf": NOW, "exp": NOW + 600, "jti": "one",
    }  # fmt: skip
    claims |= changes
    return {name: value for name, value in claims.items() if value is not None}


@pytest.fixture
def replica(replica: Replica, records: Records) -> Replica:
    """Ada's id and stamp are known: she was stored before there were any."""
    as_before_ids(records, "ada")
    return replica


@pytest.fixture
def forge(replica: Replica) -> Callable[..., str]:
    """Sign anything with the service's own key: what is refused then is refused for what it says."""
    kid, key = replica.service.keys.signing()

    def sign(claims: dict[str, Any] | bytes, key: Any = key, algorithm: str = "RS256", **header: Any) -> str:
        payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
        headers = {"typ": "at+jwt", "kid": kid} | header
        return jwt.PyJWS().encode(payload, key, algorithm, {k: v for k, v in headers.items() if v is not None})

    return sign


def segment(data: Any) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def refused(replica: Replica, token: str) -> None:
    answer = replica.me(token)
    assert answer.status_code == 401, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == 'Bearer realm="fanfold", error="invalid_token"'


def test_the_forge_can_make_a_good_token(replica: Replica, forge: Callable[..., str]) -> None:
    assert replica.me(forge(good_claims())).status_code == 200


def test_algorithm_none(replica: Replica, forge: Callable[..., str]) -> None:
    """Row 1."""
    kid = replica.service.keys.signing()[0]
    for algorithm in ("none", "None", "NONE", ""):
        header = {"alg": algorithm, "typ": "at+jwt", "kid": kid}
        refused(replica, f"{segment(header)}.{segment(good_claims())}.")


def test_hmac_with_the_public_key(replica: Replica) -> None:
    """Row 2. PyJWT will not sign so; an attacker's library will."""
    for secret in (replica.http.get("/v1/keys.pem").content, replica.http.get("/v1/keys").content):
        header = {"alg": "HS256", "typ": "at+jwt", "kid": replica.service.keys.signing()[0]}
        signing_input = f"{segment(header)}.{segment(good_claims())}"
        signature = hmac.new(secret, signing_input.encode(), hashlib.sha256).digest()
        refused(replica, f"{signing_input}.{segment(signature)}")


def test_a_key_that_the_token_brings_along(replica: Replica, forge: Callable[..., str]) -> None:
    """Rows 3 and 4."""
    numbers = STRANGER.public_key().public_numbers()
    n = segment(numbers.n.to_bytes(256, "big"))
    refused(replica, forge(good_claims(), STRANGER, jwk={"kty": "RSA", "e": "AQAB", "n": n}))
    refused(replica, forge(good_claims(), STRANGER, jku="http://127.0.0.1:9/keys"))
    refused(replica, forge(good_claims(), STRANGER, x5u="http://127.0.0.1:9/cert"))
    refused(replica, forge(good_claims(), STRANGER))
    refused(replica, forge(good_claims(), jku="http://127.0.0.1:9/keys"))


@pytest.mark.parametrize("kid", ["", "../../../../dev/null", "' OR 1=1 --", "a" * 5000, "\x00", "other"])
def test_a_hostile_key_id(replica: Replica, forge: Callable[..., str], kid: str) -> None:
    """Row 5."""
    refused(replica, forge(good_claims(), STRANGER, kid=kid))
    refused(replica, forge(good_claims(), kid=kid))


def test_key_ids_must_be_text(replica: Replica, forge: Callable[..., str]) -> None:
    header = {"alg": "RS256", "typ": "at+jwt", "kid": ["x"]}
    refused(replica, f"{segment(header)}.{segment(good_claims())}.{segment(b'x' * 384)}")
    refused(replica, forge(good_claims(), kid=None))


class CountedReads:
    """Real records that count how often a key is read."""

    def __init__(self, records: Records) -> None:
        self._records, self.reads = records, list[str]()

    def get(self, key: str) -> Record | None:
        self.reads.append(key)
        return self._records.get(key)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)


def test_a_flood_of_unknown_key_ids_asks_the_store_once_a_second(
    replica: Replica, forge: Callable[..., str], records: Records, clock: Clock
) -> None:
    """Row 6."""
    counted = CountedReads(records)
    flooded = start_replica(replica.service.settings, counted, clock)
    for i in range(50):
        refused(flooded, forge(good_claims(), STRANGER, kid=f"unknown-{i}"))
    assert counted.reads.count("auth/keys") == 1
    clock.forward(1.5)
    refused(flooded, forge(good_claims(), STRANGER, kid="unknown"))
    assert counted.reads.count("auth/keys") == 2


@pytest.mark.parametrize("typ", ["JWT", "id+jwt", "", None, "logout+jwt"])
def test_another_kind_of_token(replica: Replica, forge: Callable[..., str], typ: str | None) -> None:
    """Row 7. PyJWT writes "JWT" when it is given none."""
    refused(replica, forge(good_claims(), typ=typ))


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "other"}, {"aud": ["fanfold"]}, {"aud": ["fanfold", "other"]}, {"aud": None}, {"aud": ""},  # 8
        {"iss": "https://auth.example.org/"}, {"iss": "https://evil.example"}, {"iss": None},  # 9
        {"iss": "HTTPS://AUTH.EXAMPLE.ORG"}, {"iss": ["https://auth.example.org"]},
        {"exp": NOW - 61}, {"exp": None}, {"exp": str(NOW + 600)}, {"exp": True}, {"exp": 1e300},  # 10
        {"nbf": NOW + 120}, {"nbf": None}, {"iat": NOW + 120}, {"iat": None},
        {"sub": 1},  # 11
        {"sub": None}, {"sub": ["ada"]}, {"sub": ""}, {"sub": "nobody"}, {"sub": "ada\x00"}, {"sub": "../ada"},
        {"jti": None}, {"jti": 7}, {"roles": "admin"}, {"roles": None}, {"groups": None}, {"client_id": None},
        {"preferred_username": None}, {"preferred_username": "bob"}, {"preferred_username": "../ada"},
        {"preferred_username": "bob", "sub": "bob"}, {"stamp": None}, {"stamp": "another"}, {"stamp": 7},
    ],
    ids=repr,
)  # fmt: skip
def test_claims_that_do_not_hold(replica: Replica, forge: Callable[..., str], changes: dict[str, Any]) -> None:
    """Rows 8 to 11, signed with the right key."""
    refused(replica, forge(good_claims(**changes)))


def test_clocks_may_differ_by_a_minute(replica: Replica, forge: Callable[..., str]) -> None:
    assert replica.me(forge(good_claims(exp=NOW - 59))).status_code == 200
    assert replica.me(forge(good_claims(iat=NOW + 59, nbf=NOW + 59))).status_code == 200


def test_a_token_expires(replica: Replica, clock: Clock) -> None:
    token = replica.tokens("ada")["access_token"]
    clock.forward(600 + 59)
    assert replica.me(token).status_code == 200
    clock.forward(1)
    refused(replica, token)


def test_critical_headers(replica: Replica) -> None:
    """Row 12."""
    kid, key = replica.service.keys.signing()
    extras: list[dict[str, Any]] = [
        {"crit": ["exp"]},
        {"crit": []},
        {"crit": ["b64"], "b64": False},
        {"zip": "DEF"},
        {"cty": "JWT"},
    ]
    for extra in extras:
        header = {"alg": "RS256", "typ": "at+jwt", "kid": kid} | extra
        signing_input = f"{segment(header)}.{segment(good_claims())}"
        signature = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256).sign(signing_input.encode(), key)
        refused(replica, f"{signing_input}.{segment(signature)}")


def test_a_claim_given_twice(replica: Replica, forge: Callable[..., str]) -> None:
    """Row 13."""
    text = json.dumps(good_claims(roles=["viewer"]))
    refused(replica, forge((text[:-1] + ', "roles": ["admin"]}').encode()))


def test_enormous_and_deep_tokens(replica: Replica, forge: Callable[..., str]) -> None:
    """Row 14."""
    refused(replica, forge(good_claims(jti="x" * 2**20)))
    refused(replica, "a" * 2**20)
    refused(replica, f"{segment(b'[' * 5000)}.e30.e30")
    refused(replica, forge(b'{"iss":' + b"[" * 5000))


def test_without_a_token(replica: Replica) -> None:
    for headers in ({}, {"Authorization": "Basic YWRhOng="}, {"Authorization": "Bearer"}):
        answer = replica.http.get("/v1/me", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="fanfold"'


def test_a_token_in_the_query_does_not_count(replica: Replica) -> None:
    token = replica.tokens("ada")["access_token"]
    assert replica.http.get(f"/v1/me?access_token={token}").status_code == 401


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")))
def test_no_garbage_is_more_than_refused(garbage: bytes) -> None:
    verifier = Verifier("https://auth.example.org", "fanfold", lambda kid: None, time.time)
    with pytest.raises(Unauthenticated):
        verifier.verify(garbage.decode("latin-1"))


def test_every_bit_of_a_token_counts(replica: Replica) -> None:
    token = replica.tokens("ada")["access_token"]
    tokens = replica.service.tokens
    assert isinstance(tokens.verify(token), Claims)
    for place in range(0, len(token), 7):
        if token[place] != ".":
            changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
            with pytest.raises(Unauthenticated):
                tokens.verify(changed)


def test_another_library_can_verify_offline(replica: Replica, clock: Clock) -> None:
    """What a verifier does that has nothing but the JWKS, or the PEM."""
    token = replica.tokens("bob")["access_token"]
    keys = jwt.PyJWKSet.from_dict(replica.http.get("/v1/keys").json())
    pem: Any = serialization.load_pem_public_key(replica.http.get("/v1/keys.pem").content)
    options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "require": ["exp", "sub", "jti"]}
    for key in (keys[jwt.get_unverified_header(token)["kid"]].key, pem):
        claims = jwt.decode(token, key, ["RS256"], options, audience="fanfold", issuer="https://auth.example.org")
        assert (claims["sub"], claims["preferred_username"]) == (replica.service.users.get("bob").id, "bob")
