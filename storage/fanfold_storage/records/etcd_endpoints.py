"""Which member of an etcd cluster to call, another one when one fails; and what its errors mean.

A client knows one address and, once its channel has failed, is slow to notice that the member is back. So a failed
client is abandoned, and each member is called through a new one.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import grpc

from fanfold_storage.errors import Compacted, PermissionDenied, StorageError, Unavailable, Unknown, Unsupported

TIMEOUT = 5.0
_ROUNDS = 2  # a member that is restarting, or a leader that is being elected, responds a moment later
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
    grpc.StatusCode.NOT_FOUND: (Unavailable, "Something it depends on has just expired: try again."),
    grpc.StatusCode.OUT_OF_RANGE: (Compacted, "Scan again and continue from there."),
    grpc.StatusCode.PERMISSION_DENIED: (PermissionDenied, "etcd's access control denies access to this key."),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (
        Unavailable,
        "If its space is used up: compact it, defragment it, and disarm its alarm.",
    ),
    grpc.StatusCode.UNAUTHENTICATED: (
        PermissionDenied,
        "etcd demands a user: set ETCDCTL_CACERT, ETCDCTL_CERT and ETCDCTL_KEY to the files of a user's certificate.",
    ),
    grpc.StatusCode.UNIMPLEMENTED: (Unsupported, "Is this an etcd of version 3?"),
}

C = TypeVar("C")
T = TypeVar("T")


class Endpoints(Generic[C]):
    """The addresses of the members, and the client of the current one."""

    def __init__(self, addresses: Sequence[str], connect: Callable[[str], C]) -> None:
        self._addresses = list(addresses)
        self._connect = connect
        self._lock = threading.Lock()
        self._turn = 0
        self._client: C | None = None
        self._closed = False

    def call(self, action: str, request: Callable[[C], T], *, writing: bool = False) -> T:
        """The response of a member. A write goes to another member only if it was never sent to the first one.

        Raises:
            Unknown: a write was sent, but the response was lost.
            Unavailable: no member responded in time.
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
        """A new client for one long call, to the next member."""
        with self._lock:
            address = self._addresses[self._turn % len(self._addresses)]
            self._turn += 1
        return address, self._connect(address)

    def close(self) -> None:
        """Release the client."""
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
        """Switch to the next member. The client isn't closed, because other threads may be in the middle of calls."""
        with self._lock:
            if self._client is client:
                self._client = None
                self._turn += 1


def is_lost(error: grpc.RpcError) -> bool:
    """Whether the member didn't respond, or may not have; another one may."""
    return error.code() in _LOST


def explain(action: str, address: str, error: grpc.RpcError, *, writing: bool = False) -> StorageError:
    """Fanfold's error for an error of gRPC, which says what failed, where, and how to fix it."""
    what = f"cannot {action} in etcd at {address}: {error.details() or error.code().name}."
    if is_lost(error):
        if writing and not _was_never_sent(error):
            return Unknown(f"{what} It may have been written anyway: read it back.")
        return Unavailable(f"{what} Are its members running? Try again later.")
    kind, mend = _MEANINGS.get(error.code(), (StorageError, "etcd considers the request invalid."))
    return kind(f"{what} {mend}")


def _was_never_sent(error: grpc.RpcError) -> bool:
    return error.code() is grpc.StatusCode.UNAVAILABLE and any(sign in (error.details() or "") for sign in _NEVER_SENT)
