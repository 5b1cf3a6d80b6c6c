"""The keys that sign tokens: generated once, published before they sign, kept as long as their tokens are valid.

All keys are in one record, `auth/keys`, changed by compare-and-set, so replicas that start together make only one first
key, and all see the same order. Public keys and times are stored in the clear. A private key is encrypted with
AES-256-GCM under a key-encryption key (KEK) that is never stored in the records, bound to its key id and purpose.

A new key is published `publish_seconds` before it signs, longer than anybody caches the JWKS, so no verifier meets an
unknown key. (The very first signs at once: nobody has cached anything.) A key is removed when the last token it could
have signed has expired.
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

from fanfold_auth.keys.sealing import Unsealable, read_kek, seal, unseal
from fanfold_auth.refusals import KeyUnreadable, RotationPending
from fanfold_auth.settings import Settings
from fanfold_auth.stored import kept, known
from fanfold_storage.errors import Unavailable
from fanfold_storage.records.protocol import Conflict, Expect, Records, Value, Write
from fanfold_web.clock import timestamp
from fanfold_web.refusals import Contended

KEYS = "auth/keys"
BITS = 3072
_MAX_AGE = 5.0  # seconds for which a replica uses the record as it read it
_MAX_AGE_UNKNOWN = 1.0  # likewise, when it is asked for a key id that it does not know
_SKEW = 60.0  # seconds by which the clocks of replicas and verifiers may differ
_TRIES = 10


@dataclass(frozen=True, slots=True)
class Key:
    """A signing key as it is stored; `sealed` is its encrypted private half."""

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
        self._value: Value = {}
        self._revision = 0
        self._read_at = float("-inf")
        self._private: dict[str, rsa.RSAPrivateKey] = {}
        self._public: dict[str, rsa.RSAPublicKey] = {}

    def signing(self) -> tuple[str, rsa.RSAPrivateKey]:
        """Id and private half of the key that signs now; generates the very first. Raises KeyUnreadable."""
        with self._lock:
            self._refresh(_MAX_AGE)
            ready = [key for key in self._keys if key.signs_from <= self._now()]
            key = ready[-1] if ready else self._keys[0]
            if key.kid not in self._private:
                self._private = {key.kid: _unseal(key, self._kek)}
            return key.kid, self._private[key.kid]

    def check(self) -> None:
        """Check that every key can be decrypted, and generate the first one. Raises KeyUnreadable."""
        self.signing()
        with self._lock:
            for key in self._living(self._keys):
                _unseal(key, self._kek)

    def published(self) -> list[Key]:
        """Every key that verifiers should trust, oldest first."""
        with self._lock:
            self._refresh(_MAX_AGE)
            return self._living(self._keys)

    def verifying(self, kid: str) -> rsa.RSAPublicKey | None:
        """The public key of that id, if it is trusted now."""
        with self._lock:
            self._refresh(_MAX_AGE)
            if all(key.kid != kid for key in self._keys):
                self._refresh(_MAX_AGE_UNKNOWN)
            for key in self._living(self._keys):
                if key.kid == kid:
                    if kid not in self._public:
                        self._public[kid] = key.public_key()
                    return self._public[kid]
            return None

    def rotate(self) -> Key:
        """Publish a new key, to sign later. Raises RotationPending if another one is still waiting."""
        with self._lock:
            self._check_none_waits()
        new = _generate(self._kek, self._now(), self._settings.publish_seconds)  # slow, so without the lock
        for _ in range(_TRIES):
            with self._lock:
                self._check_none_waits()
                if self._store([*self._living(self._keys), new]):
                    return new
        raise Contended

    def _check_none_waits(self) -> None:
        self._refresh(0)
        last = self._keys[-1].signs_from
        if last > self._now():
            raise RotationPending(
                f"The newest key signs from {timestamp(last, 'seconds')} on. Rotate again after that."
            )

    def _refresh(self, age: float) -> None:
        """Read the record unless that was done in the last `age` seconds; generate the first key if there is none.

        While the store is unavailable the keys read last stay in use: verifiers elsewhere depend on them.
        """
        if self._keys and 0 <= self._now() - self._read_at < age:
            return
        try:
            self._read()
        except Unavailable:
            if not self._keys or not age:
                raise
            self._read_at = self._now()  # so that not every request waits for a store that is unavailable
        if not self._keys and not self._store([_generate(self._kek, self._now(), 0)]):
            self._read()  # another replica generated it

    def _read(self) -> None:
        record = self._records.get(KEYS)
        self._value = record.value if record else {}
        self._keys = [known(Key, fields) for fields in self._value.get("keys", [])]
        self._revision = record.revision if record else 0
        self._read_at = self._now()

    def _store(self, keys: list[Key]) -> bool:
        before = {fields["kid"]: fields for fields in self._value.get("keys", [])}
        value = {**self._value, "keys": [kept(Key, before.get(key.kid, {}), asdict(key)) for key in keys]}
        answer = self._records.transact([Expect(KEYS, self._revision)], [Write(KEYS, value)])
        if isinstance(answer, Conflict):
            return False
        self._keys, self._value, self._revision, self._read_at = keys, value, answer, self._now()
        return True

    def _living(self, keys: list[Key]) -> list[Key]:
        """A key lives until its last token, signed just before its successor took over, has expired."""
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
            f"The signing key {key.kid} cannot be decrypted: the KEK file differs from the one it was encrypted with. "
            "Put the original file back, the same in every replica."
        ) from error
    # Its primes were checked when it was generated, and the seal proves that these are its bytes. Saves half a second.
    private = serialization.load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(private, rsa.RSAPrivateKey)
    return private


def _purpose(kid: str) -> str:
    return f"{kid} signs fanfold access tokens"


def _thumbprint(public: rsa.RSAPublicKey) -> str:
    """The key's own hash is its id (RFC 7638), so two keys never share one."""
    canonical = json.dumps(_members(public), sort_keys=True, separators=(",", ":"))
    return _base64url(hashlib.sha256(canonical.encode()).digest())


def _members(public: rsa.RSAPublicKey) -> dict[str, str]:
    numbers = public.public_numbers()
    return {"e": _base64url(_big_endian(numbers.e)), "kty": "RSA", "n": _base64url(_big_endian(numbers.n))}


def _big_endian(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
