"""Secrets at rest: AES-256-GCM under a key that is never stored beside what it encrypts.

The key-encryption key (KEK) comes from a mounted file, so reading the records alone reveals nothing.
"""

import base64
import contextlib
import os
import tempfile
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fanfold_web.command import BadSetting

_NONCE = 12
_SHORTEST = 32


class Unsealable(Exception):
    """The text was not sealed with this key for this purpose."""


def derive(secret: bytes, purpose: str) -> bytes:
    """A key for one purpose, derived from a secret of at least 256 random bits."""
    return HKDF(hashes.SHA256(), 32, salt=None, info=purpose.encode()).derive(secret)


def seal(key: bytes, secret: bytes, purpose: str) -> str:
    """Encrypt; the result can be decrypted only with the same key and purpose."""
    nonce = os.urandom(_NONCE)
    return base64.b64encode(nonce + AESGCM(key).encrypt(nonce, secret, purpose.encode())).decode()


def unseal(key: bytes, sealed: str, purpose: str) -> bytes:
    """Decrypt what `seal` made. Raises Unsealable."""
    data = base64.b64decode(sealed)
    try:
        return AESGCM(key).decrypt(data[:_NONCE], data[_NONCE:], purpose.encode())
    except InvalidTag as error:
        raise Unsealable(f"sealed with another key or for another purpose than {purpose!r}") from error


def read_kek(path: Path) -> bytes:
    """The KEK derived from a file of at least 32 random bytes, in any encoding. Raises BadSetting."""
    try:
        secret = path.read_bytes()
    except OSError as error:
        raise BadSetting(
            f"cannot read the KEK file {path}: {error.strerror}; make one with: head -c 32 /dev/urandom"
        ) from error
    if len(secret) < _SHORTEST:
        raise BadSetting(f"the KEK file {path} has {len(secret)} bytes; it needs at least {_SHORTEST} random ones")
    return derive(secret, "fanfold signing keys at rest")


def ensure_kek(path: Path) -> None:
    """Make a KEK file that only its owner can read, unless there is one; for a service on one machine."""
    with tempfile.NamedTemporaryFile(dir=path.parent) as file:  # mode 0600
        file.write(os.urandom(_SHORTEST))
        file.flush()
        os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(file.name, path)  # whole or not at all, and never replacing another
