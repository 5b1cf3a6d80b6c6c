"""How keys and values are encoded, and the limits of a transaction: the same for every backend."""

import json
from collections.abc import Sequence
from typing import Any, cast

from fanfold_storage.errors import InvalidKey, StorageError, TooLarge
from fanfold_storage.records.protocol import Expect, Value, Write

MOST_OPERATIONS = 100
MOST_VALUE_BYTES = 1024 * 1024
# etcd refuses a request beyond 1.5 MiB.
MOST_TRANSACTION_BYTES = 1_400_000
SHORTEST_EXPIRY = 2


def encode_key(key: str) -> bytes:
    """The key's UTF-8 bytes. Raises InvalidKey: it is empty, too long, or not encodable."""
    encoded = encode_prefix(key)
    if not 0 < len(encoded) <= 1024:
        raise InvalidKey(f"a record's key has 1 to 1,024 bytes, but this one has {len(encoded)}: {key[:80]!r}")
    return encoded


def encode_keys(keys: Sequence[str]) -> list[bytes]:
    """The bytes of keys to read at once, each once. Raises InvalidKey; StorageError: there are too many for etcd."""
    if len(keys) > MOST_OPERATIONS:
        raise StorageError(f"at most {MOST_OPERATIONS} records are read at once, not {len(keys)}: split them up")
    return [encode_key(key) for key in dict.fromkeys(keys)]


def encode_prefix(prefix: str) -> bytes:
    """The bytes of a prefix, which may be empty."""
    try:
        return prefix.encode()
    except UnicodeEncodeError as error:
        raise InvalidKey(f"a record's key must be encodable as UTF-8: {prefix[:80]!r}") from error


def prefix_end(prefix: bytes) -> bytes | None:
    """The least bytes above everything that begins with the prefix; None if there are none.

    >>> prefix_end(b"jobs/")
    b'jobs0'
    >>> prefix_end(b"a\\xff")
    b'b'
    """
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else None


def encode_range(prefix: str, after: str, before: str) -> tuple[bytes, bytes | None]:
    """The first key that a scan may find, and the one that it ends before; None if there is no such bound.

    >>> encode_range("jobs/", "", "")
    (b'jobs/', b'jobs0')
    >>> encode_range("jobs/", "jobs/a", "jobs/c")
    (b'jobs/a\\x00', b'jobs/c')
    """
    start = encode_prefix(prefix)
    ends = [end for end in (prefix_end(start), encode_prefix(before)) if end]
    return max(start, encode_prefix(after) + b"\0" if after else b""), min(ends, default=None)


def encode_value(value: Value) -> bytes:
    """The value as compact JSON. Raises StorageError: it can't be JSON, or is too large."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise StorageError(f"a record's value must be JSON: {error}") from error
    encoded = text.encode("utf-8", "surrogatepass")
    if not isinstance(value, dict) or len(encoded) > MOST_VALUE_BYTES:
        raise TooLarge(f"a record's value is a JSON object of at most 1 MiB: {len(encoded):,} bytes, {text[:60]}…")
    return encoded


def decode_value(encoded: bytes) -> Value:
    """The value whose bytes these are."""
    try:
        return cast(dict[str, Any], json.loads(encoded))
    except ValueError as error:
        raise StorageError(f"a record's value is not JSON, so Fanfold did not write it: {encoded[:80]!r}") from error


def encode_writes(expectations: Sequence[Expect], writes: Sequence[Write]) -> list[tuple[bytes, bytes | None]]:
    """Keys and encoded values of the writes. Raises StorageError: the transaction exceeds the limits of etcd."""
    if len(expectations) + len(writes) > MOST_OPERATIONS:
        raise StorageError(f"a transaction holds at most {MOST_OPERATIONS} expectations and writes: split it")
    encoded = [(encode_key(w.key), None if w.value is None else encode_value(w.value)) for w in writes]
    if len({key for key, _ in encoded}) < len(encoded):
        raise StorageError(f"a transaction writes each key once: {sorted(w.key for w in writes)}")
    if sum(len(key) + len(value or b"") for key, value in encoded) > MOST_TRANSACTION_BYTES:
        raise TooLarge(f"a transaction writes at most {MOST_TRANSACTION_BYTES:,} bytes: split it")
    if any(w.expires_in is not None and w.expires_in < SHORTEST_EXPIRY for w in writes):
        raise StorageError(f"expires_in is at least {SHORTEST_EXPIRY} seconds")
    return encoded
