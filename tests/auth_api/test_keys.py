"""The life of a signing key: one first key, published before it signs, kept while its tokens live, sealed at rest."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from fanfold_auth.keys import keys
from fanfold_auth.keys.keys import KEYS
from fanfold_auth.keys.sealing import Unsealable, derive, ensure_kek, read_kek, seal, unseal
from fanfold_auth.refusals import KeyUnreadable
from fanfold_auth.settings import Settings
from fanfold_storage.errors import Unavailable
from fanfold_storage.records.protocol import Records, Write
from fanfold_web.command import BadSetting
from tests.auth_api.service import Clock, Replica, start_replica
from tests.waiting import at_once


@pytest.fixture(autouse=True)
def quick_keys(monkeypatch: pytest.MonkeyPatch, ring: dict[str, Any]) -> None:
    """New keys of 2048 bits, made in a third of the time; the first one, in `ring`, is as long as they really are."""
    monkeypatch.setattr(keys, "BITS", 2048)


def kids(replica: Replica) -> list[str]:
    return [key["kid"] for key in replica.http.get("/v1/keys").json()["keys"]]


def signer(replica: Replica) -> str:
    return replica.service.keys.signing()[0]


def test_replicas_that_start_together_make_one_first_key(
    settings: Settings, empty_records: Records, clock: Clock
) -> None:
    replicas = [start_replica(settings, empty_records, clock) for _ in range(2)]
    first, second = at_once(2, lambda i: signer(replicas[i]))
    assert first == second
    assert kids(replicas[0]) == kids(replicas[1]) == [first]


def test_jwks_and_pem_are_cacheable_and_the_same(replica: Replica) -> None:
    jwks, pem = replica.http.get("/v1/keys"), replica.http.get("/v1/keys.pem")
    assert jwks.headers["content-type"] == "application/json"
    assert jwks.headers["cache-control"] == "public, max-age=15"  # it lists the tokens that have ended, too
    assert pem.headers["cache-control"] == "public, max-age=300"
    (key,) = jwks.json()["keys"]
    assert key.keys() == {"kty", "use", "alg", "kid", "n", "e"}
    public: Any = serialization.load_pem_public_key(pem.content)
    numbers = public.public_numbers()
    assert int.from_bytes(base64.urlsafe_b64decode(key["n"] + "=="), "big") == numbers.n
    assert numbers.n.bit_length() == 3072


def test_a_rotation_from_beginning_to_end(
    replica: Replica, other: Replica, admin: dict[str, str], clock: Clock
) -> None:
    old = signer(replica)
    answer = replica.http.post("/v1/keys/rotate", headers=admin)
    assert answer.status_code == 201
    assert answer.json()["signs_from"] == "2027-01-15T08:15:00Z"
    new = answer.json()["kid"]
    clock.forward(5)  # the other replica looks again
    assert kids(replica) == kids(other) == [old, new]
    assert signer(replica) == signer(other) == old
    assert replica.http.get("/v1/keys.pem").text.count("BEGIN PUBLIC KEY") == 2

    clock.forward(894.9)
    assert signer(replica) == signer(other) == old
    last = replica.tokens("bob")["access_token"]
    clock.forward(0.2)
    assert signer(replica) == signer(other) == new
    assert replica.me(last).status_code == other.me(last).status_code == 200

    clock.forward(600)
    assert kids(other) == [old, new]
    clock.forward(60)
    assert kids(replica) == kids(other) == [new]
    assert other.me(last).status_code == 401


@pytest.mark.thorough
def test_one_rotation_at_a_time(replica: Replica, other: Replica, admin: dict[str, str], clock: Clock) -> None:
    answers = at_once(2, lambda i: (replica, other)[i].http.post("/v1/keys/rotate", headers=admin).status_code)
    assert sorted(answers) == [201, 409]
    clock.forward(901)
    assert replica.http.post("/v1/keys/rotate", headers=replica.bearer("ada")).status_code == 201


def test_an_unknown_key_is_looked_for_at_once(
    replica: Replica, settings: Settings, records: Records, clock: Clock
) -> None:
    """Replicas whose keys sign as soon as they are published, the worst case: the other hasn't looked again yet."""
    one, two = (start_replica(settings, records, clock, publish_seconds=0) for _ in range(2))
    assert two.me(one.tokens("bob")["access_token"]).status_code == 200
    one.service.keys.rotate()
    clock.forward(1)
    token = one.tokens("bob")["access_token"]
    assert two.me(token).status_code == 200


def test_private_keys_are_sealed_at_rest(replica: Replica, records: Records) -> None:
    record = records.get(KEYS)
    assert record is not None
    private = replica.service.keys.signing()[1]
    numbers = private.private_numbers()
    lying = json.dumps(record.value).encode()
    sealed = base64.b64decode(record.value["keys"][0]["sealed"])
    for secret in (numbers.p, numbers.q, numbers.d):
        raw = secret.to_bytes((secret.bit_length() + 7) // 8, "big")
        assert raw not in sealed
        assert base64.b64encode(raw)[:40] not in lying
    assert b"PRIVATE" not in lying


def test_a_sealed_key_opens_for_its_own_id_only(
    replica: Replica, records: Records, settings: Settings, clock: Clock
) -> None:
    """Swapping sealed halves between ids, as somebody who can write to the records might."""
    replica.service.keys.rotate()
    record = records.get(KEYS)
    assert record is not None
    one, two = record.value["keys"]
    one["sealed"], two["sealed"] = two["sealed"], one["sealed"]
    records.transact([], [Write(KEYS, {"keys": [one, two]})])
    with pytest.raises(KeyUnreadable):
        start_replica(settings, records, clock).service.keys.signing()


def test_another_kek_opens_nothing_and_says_so(
    replica: Replica, records: Records, clock: Clock, tmp_path: Path
) -> None:
    (tmp_path / "kek").write_bytes(os.urandom(32))
    stranger = start_replica(replica.service.settings, records, clock, kek_file=tmp_path / "kek")
    with pytest.raises(KeyUnreadable, match="KEK file differs"):
        stranger.service.keys.signing()
    answer = stranger.http.get("/readyz")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:fanfold:problem:not-ready")
    assert "the signing key" in answer.json()["detail"]
    assert stranger.http.get("/healthz").status_code == 200
    assert len(kids(stranger)) == 1  # public keys need no KEK


class Away:
    """Real records that can go away."""

    def __init__(self, records: Records) -> None:
        self._records, self.away, self.calls = records, False, 0

    def __getattr__(self, name: str) -> Any:
        self.calls += 1
        if self.away:
            raise Unavailable("the test took the store away")
        return getattr(self._records, name)


def test_public_keys_are_served_while_the_store_is_away(replica: Replica, records: Records, clock: Clock) -> None:
    store = Away(records)
    alone = start_replica(replica.service.settings, store, clock)
    before = kids(alone)
    store.away = True
    clock.forward(1000)
    store.calls = 0
    assert kids(alone) == kids(alone) == before
    assert store.calls == 2  # for the keys and for the tokens that have ended, each once in a while
    assert alone.http.get("/healthz").status_code == 200
    for path in ("/readyz", "/v1/login"):
        answer = alone.http.request("GET" if path == "/readyz" else "POST", path, json={"name": "bob", "password": "x"})
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert answer.json()["type"] == f"urn:fanfold:problem:{'not-ready' if path == '/readyz' else 'store-away'}"
    store.away = False
    assert alone.http.get("/readyz").status_code == 200


def test_records_that_take_no_writes_are_not_ready(replica: Replica, records: Records, clock: Clock) -> None:
    class Full(Away):
        def transact(self, *_: Any) -> int:
            raise Unavailable("the database has no space left, on 10.0.0.7")

    answer = start_replica(replica.service.settings, Full(records), clock).http.get("/readyz")
    assert answer.status_code == 503 and "10.0.0.7" not in answer.text
    assert answer.json()["detail"].startswith("Not available: writing to the records.")


def test_a_key_that_will_sign_later_is_checked_at_the_start(
    replica: Replica, records: Records, clock: Clock, tmp_path: Path
) -> None:
    (tmp_path / "kek").write_bytes(os.urandom(32))
    replica.service.keys.check()
    replica.service.keys.rotate()
    record = records.get(KEYS)
    assert record
    old, new = record.value["keys"]
    new["sealed"] = seal(read_kek(tmp_path / "kek"), b"x", f"{new['kid']} signs fanfold access tokens")
    records.transact([], [Write(KEYS, {"keys": [old, new]})])
    again = start_replica(replica.service.settings, records, clock)
    assert again.service.keys.signing()
    with pytest.raises(KeyUnreadable, match=new["kid"]):
        again.service.keys.check()


def test_the_kek_file(tmp_path: Path) -> None:
    path = tmp_path / "kek"
    with pytest.raises(BadSetting, match="cannot read the KEK file"):
        read_kek(path)
    path.write_bytes(b"short")
    with pytest.raises(BadSetting, match="5 bytes"):
        read_kek(path)
    path.unlink()
    ensure_kek(path)
    assert path.stat().st_mode & 0o777 == 0o600
    first = path.read_bytes()
    ensure_kek(path)
    assert path.read_bytes() == first
    assert read_kek(path) != first  # drawn from it, never the file itself


def test_a_seal_holds_for_one_key_and_one_purpose() -> None:
    key = derive(b"k" * 32, "a")
    sealed = seal(key, b"secret", "a")
    assert unseal(key, sealed, "a") == b"secret"
    assert sealed != seal(key, b"secret", "a")
    for other_key, purpose in ((derive(b"k" * 32, "b"), "a"), (key, "b")):
        with pytest.raises(Unsealable):
            unseal(other_key, sealed, purpose)
