"""The keys that sign tokens: made once, published before they sign, kept as long as their tokens live.

All keys lie in one record, `auth/keys`, changed by compare-and-set; so replicas that start together make one first
key, and each sees the same order. The record holds public keys and times in the open; a private key is sealed with
AES-256-GCM under a key-encryption key (KEK) that never enters the records, bound to its key id and purpose.

A new key is published `publish_seconds` before it signs, longer than anybody caches the JWKS, so no verifier meets an
unknown key. (The very first signs at once: nobody has cached anything.) It leaves when the last token it could have
signed has expired.
"""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from fanfold_auth.errors import Contended, KeyUnreadable, RotationPending
from fanfold_auth.sealing import Unsealable, read_kek, seal, unseal
from fanfold_auth.settings import Settings
from fanfold_storage.errors import Unavailable
from fanfold_storage.records.protocol import Conflict, Expect, Records, Write
from fanfold_web.clock import timestamp

KEYS = "auth/keys"
BITS = 3072
_SEEN_FOR = 5.0  # a replica looks at the record again after this many seconds
_UNKNOWN_EVERY = 1.0  # and at once for a key id it doesn't know, but no more often than this
_SKEW = 60.0  # clocks of replicas and verifiers may differ by this
_TRIES = 10


@dataclass(frozen=True, slots=True)
class Key:
    """A signing key as it is stored; `sealed` is its private half."""

    kid: str
    public: str
    sealed: str
    created: float
    signs_from: float

    def public_key(self) -> rsa.RSAPublicKey:
        """The public half."""
        key = serialization.load_pem_public_key(self.public.encode())
        assert isinstance(key, rsa.RSAPublicKey)
        return key


class Keys:
    """The keys of one service, as one replica sees them."""

    def __init__(self, settings: Settings, records: Records, now: Callable[[], float] = time.time) -> None:
        self._settings, self._records, self._now = settings, records, now
        self._kek = read_kek(settings.kek_file)
        self._lock = threading.Lock()
        self._keys: list[Key] = []
        self._revision = 0
        self._seen = float("-inf")
        self._opened: dict[str, rsa.RSAPrivateKey] = {}
        self._public: dict[str, rsa.RSAPublicKey] = {}

    def signing(self) -> tuple[str, rsa.RSAPrivateKey]:
        """Id and private half of the key that signs now, the very first made if need be. Raises KeyUnreadable."""
        with self._lock:
            self._look(_SEEN_FOR)
            ready = [key for key in self._keys if key.signs_from <= self._now()]
            key = ready[-1] if ready else self._keys[0]
            if key.kid not in self._opened:
                self._opened = {key.kid: _unseal(key, self._kek)}
            return key.kid, self._opened[key.kid]

    def published(self) -> list[Key]:
        """Every key that verifiers should trust, oldest first."""
        with self._lock:
            self._look(_SEEN_FOR)
            return self._living(self._keys)

    def verifying(self, kid: str) -> rsa.RSAPublicKey | None:
        """The public key of that id, if it is trusted now."""
        with self._lock:
            self._look(_SEEN_FOR)
            if all(key.kid != kid for key in self._keys):
                self._look(_UNKNOWN_EVERY)
            for key in self._living(self._keys):
                if key.kid == kid:
                    if kid not in self._public:
                        self._public[kid] = key.public_key()
                    return self._public[kid]
            return None

    def rotate(self) -> Key:
        """Publish a new key, to sign later. Raises RotationPending while one is waiting already."""
        with self._lock:
            self._check_none_waits()
        new = _generate(self._kek, self._now(), self._settings.publish_seconds)  # slow, so nobody waits for it
        for _ in range(_TRIES):
            with self._lock:
                self._check_none_waits()
                if self._store([*self._living(self._keys), new]):
                    return new
        raise Contended

    def _check_none_waits(self) -> None:
        self._look(0)
        last = self._keys[-1].signs_from
        if last > self._now():
            raise RotationPending(
                f"The key published last signs from {timestamp(last, 'seconds')} on. Rotate again after that."
            )

    def _look(self, age: float) -> None:
        """See the record as it was at most `age` seconds ago; make the first key if there is none.

        While the store is away the keys seen last go on serving: verifiers elsewhere depend on them.
        """
        if self._keys and 0 <= self._now() - self._seen < age:
            return
        try:
            self._read()
        except Unavailable:
            if not self._keys or not age:
                raise
            self._seen = self._now()  # so that not every request waits for a store that doesn't answer
        if not self._keys and not self._store([_generate(self._kek, self._now(), 0)]):
            self._read()  # another replica made it

    def _read(self) -> None:
        record = self._records.get(KEYS)
        self._keys = [Key(**fields) for fields in record.value["keys"]] if record else []
        self._revision = record.revision if record else 0
        self._seen = self._now()

    def _store(self, keys: list[Key]) -> bool:
        value = {"keys": [asdict(key) for key in keys]}
        answer = self._records.transact([Expect(KEYS, self._revision)], [Write(KEYS, value)])
        if isinstance(answer, Conflict):
            return False
        self._keys, self._revision, self._seen = keys, answer, self._now()
        return True

    def _living(self, keys: list[Key]) -> list[Key]:
        """A key lives until its last token has expired, which was signed just before its successor took over."""
        horizon = self._now() - self._settings.token_seconds - _SKEW
        return [
            key for key, after in zip(keys, [*keys[1:], None], strict=True) if not after or after.signs_from > horizon
        ]


def jwk(key: Key) -> dict[str, str]:
    """The public half as a JSON Web Key (RFC 7517)."""
    return {**_members(key.public_key()), "kid": key.kid, "use": "sig", "alg": "RS256"}


def _generate(kek: bytes, now: float, publish_seconds: float) -> Key:
    private = rsa.generate_private_key(65537, BITS)
    public = private.public_key()
    kid = _thumbprint(public)
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    encoding, form = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8
    der = private.private_bytes(encoding, form, serialization.NoEncryption())
    return Key(kid, pem, seal(kek, der, _purpose(kid)), now, now + publish_seconds)


def _unseal(key: Key, kek: bytes) -> rsa.RSAPrivateKey:
    try:
        der = unseal(kek, key.sealed, _purpose(key.kid))
    except Unsealable as error:
        raise KeyUnreadable(
            f"The signing key {key.kid} cannot be opened: the KEK file differs from the one it was sealed with. "
            "Mount the same file in every replica."
        ) from error
    # Its primes were checked when it was made, the seal shows that these are its bytes; it saves half a second.
    private = serialization.load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(private, rsa.RSAPrivateKey)
    return private


def _purpose(kid: str) -> str:
    return f"{kid} signs fanfold access tokens"


def _thumbprint(public: rsa.RSAPublicKey) -> str:
    """RFC 7638: the key's own hash is its id, so two keys never share one."""
    canonical = json.dumps(_members(public), sort_keys=True, separators=(",", ":"))
    return _base64url(hashlib.sha256(canonical.encode()).digest())


def _members(public: rsa.RSAPublicKey) -> dict[str, str]:
    numbers = public.public_numbers()
    return {"e": _base64url(_big_endian(numbers.e)), "kty": "RSA", "n": _base64url(_big_endian(numbers.n))}


def _big_endian(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
