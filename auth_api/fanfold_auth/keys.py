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
import os
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fanfold_auth.clock import utc
from fanfold_auth.errors import Contended, RotationPending
from fanfold_auth.settings import BadSetting, Settings
from fanfold_storage.errors import Unavailable
from fanfold_storage.records.protocol import Conflict, Expect, Records, Write

KEYS = "auth/keys"
BITS = 3072
_PURPOSE = "fanfold access token signing key"
_SEEN_FOR = 5.0  # a replica looks at the record again after this many seconds
_UNKNOWN_EVERY = 1.0  # and at once for a key id it doesn't know, but no more often than this
_SKEW = 60.0  # clocks of replicas and verifiers may differ by this
_TRIES = 10


class KeyUnreadable(Exception):
    """A signing key cannot be opened: the KEK is not the one it was sealed with."""


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
        new = _generate(self._kek, self._now(), self._settings.publish_seconds)
        with self._lock:
            for _ in range(_TRIES):
                self._look(0)
                last = self._keys[-1]
                if last.signs_from > self._now():
                    raise RotationPending(
                        f"The key published last signs from {utc(last.signs_from)} on. Rotate again after that."
                    )
                if self._store([*self._living(self._keys), new]):
                    return new
        raise Contended

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


def read_kek(path: Path) -> bytes:
    """The key-encryption key drawn from a file of at least 32 random bytes, in any encoding. Raises BadSetting."""
    try:
        secret = path.read_bytes()
    except OSError as error:
        raise BadSetting(
            f"cannot read the KEK file {path}: {error.strerror}; make one with: head -c 32 /dev/urandom"
        ) from error
    if len(secret) < 32:
        raise BadSetting(f"the KEK file {path} has {len(secret)} bytes; it needs at least 32 random ones")
    return HKDF(hashes.SHA256(), 32, salt=None, info=b"fanfold signing keys at rest").derive(secret)


def ensure_kek(path: Path) -> None:
    """Make a KEK file that only its owner can read, unless there is one; for a service that lives on one machine."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "wb") as file:
        file.write(os.urandom(32))


def _generate(kek: bytes, now: float, publish_seconds: float) -> Key:
    private = rsa.generate_private_key(65537, BITS)
    public = private.public_key()
    kid = _thumbprint(public)
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    return Key(kid, pem, _seal(private, kid, kek), now, now + publish_seconds)


def _seal(private: rsa.RSAPrivateKey, kid: str, kek: bytes) -> str:
    der = private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    nonce = os.urandom(12)
    return base64.b64encode(nonce + AESGCM(kek).encrypt(nonce, der, f"{kid} {_PURPOSE}".encode())).decode()


def _unseal(key: Key, kek: bytes) -> rsa.RSAPrivateKey:
    sealed = base64.b64decode(key.sealed)
    try:
        der = AESGCM(kek).decrypt(sealed[:12], sealed[12:], f"{key.kid} {_PURPOSE}".encode())
    except InvalidTag as error:
        raise KeyUnreadable(
            f"The signing key {key.kid} cannot be opened: the KEK file differs from the one it was sealed with. "
            "Mount the same file in every replica."
        ) from error
    private = serialization.load_der_private_key(der, None)
    assert isinstance(private, rsa.RSAPrivateKey)
    return private


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
