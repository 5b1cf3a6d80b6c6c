"""Which member of an etcd to call: another one when one fails, and what its errors mean.

The client knows one address and, once its channel has failed, is slow to find that the member is back: so a failed one
is left behind, and each member is called through a new one.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import grpc

from fanfold_storage.errors import Compacted, PermissionDenied, StorageError, Unavailable, Unknown, Unsupported

TIMEOUT = 5.0
_ROUNDS = 2  # a member that starts anew, or a leader that is being elected, is there a moment later
_PAUSE = 0.1

_LOST = {
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DATA_LOSS,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.UNKNOWN,
}
_NEVER_SENT = ("failed to connect", "DNS resolution failed", "errors resolving")
_MEANINGS: dict[grpc.StatusCode, tuple[type[StorageError], str]] = {
    grpc.StatusCode.NOT_FOUND: (Unavailable, "Something it rests on expired meanwhile: try again."),
    grpc.StatusCode.OUT_OF_RANGE: (Compacted, "Scan again and go on from there."),
    grpc.StatusCode.PERMISSION_DENIED: (PermissionDenied, "etcd's access control keeps this key from us."),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (
        Unavailable,
        "If its space is used up: compact, defragment, disarm its alarm.",
    ),
    grpc.StatusCode.UNAUTHENTICATED: (PermissionDenied, "etcd asks for a user; Fanfold cannot name one."),
    grpc.StatusCode.UNIMPLEMENTED: (Unsupported, "Is this an etcd of version 3?"),
}

C = TypeVar("C")
T = TypeVar("T")


class Endpoints(Generic[C]):
    """Members by address, and the client of the one in use."""

    def __init__(self, addresses: Sequence[str], connect: Callable[[str], C]) -> None:
        self._addresses = list(addresses)
        self._connect = connect
        self._lock = threading.Lock()
        self._turn = 0
        self._client: C | None = None
        self._closed = False

    def call(self, action: str, request: Callable[[C], T], *, writing: bool = False) -> T:
        """What a member answers. A write goes to another member only if it was never sent to the first.

        Raises:
            Unknown: a write was sent and the answer lost.
            Unavailable: nobody answered in time.
        """
        started = time.monotonic()
        for attempt in range(1, _ROUNDS * len(self._addresses) + 1):
            address, client = self._current()
            try:
                return request(client)
            except grpc.RpcError as error:
                failure = error
            if not is_lost(failure):
                break
            self._leave(client)
            if writing and not _was_never_sent(failure):
                break
            if attempt >= len(self._addresses) and time.monotonic() - started > TIMEOUT:
                break
            if attempt % len(self._addresses) == 0:
                time.sleep(_PAUSE)
        raise explain(action, address, failure, writing=writing) from failure

    def next_client(self) -> tuple[str, C]:
        """A client of its own for one long call, to the member whose turn it is."""
        with self._lock:
            address = self._addresses[self._turn % len(self._addresses)]
            self._turn += 1
        return address, self._connect(address)

    def close(self) -> None:
        """Let go of the client."""
        with self._lock:
            self._closed = True
            self._client = None

    def _current(self) -> tuple[str, C]:
        with self._lock:
            if self._closed:
                raise Unavailable("these records have been closed")
            address = self._addresses[self._turn % len(self._addresses)]
            if self._client is None:
                self._client = self._connect(address)
            return address, self._client

    def _leave(self, client: C) -> None:
        """Turn to the next member. Other threads may be inside calls of this client, so it isn't closed under them."""
        with self._lock:
            if self._client is client:
                self._client = None
                self._turn += 1


def is_lost(error: grpc.RpcError) -> bool:
    """Whether the member did not answer, or not for certain; another may."""
    return error.code() in _LOST


def explain(action: str, address: str, error: grpc.RpcError, *, writing: bool = False) -> StorageError:
    """Fanfold's error for gRPC's: what failed, where, how to mend it."""
    what = f"cannot {action} in etcd at {address}: {error.details() or error.code().name}."
    if is_lost(error):
        if writing and not _was_never_sent(error):
            return Unknown(f"{what} It may have been written all the same: read it back.")
        return Unavailable(f"{what} Are its members running? Try again later.")
    kind, mend = _MEANINGS.get(error.code(), (StorageError, "The request makes no sense to it."))
    return kind(f"{what} {mend}")


def _was_never_sent(error: grpc.RpcError) -> bool:
    return error.code() is grpc.StatusCode.UNAVAILABLE and any(sign in (error.details() or "") for sign in _NEVER_SENT)
