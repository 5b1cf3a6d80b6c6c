"""A watch of etcd that outlives its streams: each new stream resumes after the last revision that was yielded."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from fanfold_storage.errors import Compacted, PermissionDenied, Unavailable
from fanfold_storage.records.encoding import decode_value
from fanfold_storage.records.etcd_endpoints import TIMEOUT, Endpoints, explain
from fanfold_storage.records.protocol import Change

# An election takes a second or two, the restart of a member a little longer.
_MOST_AWAY = 3 * TIMEOUT
_PAUSE = 0.1


class EtcdWatch:
    """Changes from a revision on.

    `open_stream(client, revision, until)` opens a stream that sends one request and stays open until the event is set.
    """

    def __init__(
        self,
        endpoints: Endpoints[Any],
        open_stream: Callable[[Any, int, threading.Event], Any],
        from_revision: int,
    ) -> None:
        self._endpoints = endpoints
        self._open_stream = open_stream
        self._next = max(1, from_revision)
        self._closed = threading.Event()
        self._stream: Any = None
        self._away_since: float | None = None

    def __iter__(self) -> Iterator[Change]:
        """The changes as they come, from any member that responds."""
        while not self._closed.is_set():
            address, client = self._endpoints.next_client()
            try:
                yield from self._follow(address, client)
            finally:
                client.close()
            self._closed.wait(_PAUSE)

    def close(self) -> None:
        """End the iteration and its stream."""
        self._closed.set()
        if self._stream is not None:
            self._stream.cancel()

    def _follow(self, address: str, client: Any) -> Iterator[Change]:
        """The changes of one stream, until it breaks."""
        until = threading.Event()
        self._stream = self._open_stream(client, self._next, until)
        if self._closed.is_set():  # it was closed between the loop's check and the stream's start
            self._stream.cancel()
        impatience = threading.Timer(TIMEOUT, self._stream.cancel)  # a frozen member accepts streams and keeps silent
        impatience.daemon = True
        impatience.start()
        try:
            for response in self._stream:
                if response.canceled:
                    kind = PermissionDenied if "PermissionDenied" in response.cancel_reason else Unavailable
                    self._raise_if_lasting(kind(f"etcd at {address} ended a watch: {response.cancel_reason}"), response)
                    return
                impatience.cancel()
                self._away_since = None
                yield from self._changes(response)
        except grpc.RpcError as error:
            self._raise_if_lasting(explain("watch records", address, error))
        finally:
            impatience.cancel()
            until.set()
            self._stream.cancel()

    def _changes(self, response: Any) -> Iterator[Change]:
        for event in response.events:
            if self._closed.is_set():
                return
            pair = event.kv
            if pair.mod_revision >= self._next:
                value = None if event.type == event.DELETE else decode_value(pair.value)
                yield Change(pair.key.decode(), value, pair.mod_revision)
        if response.events:  # all changes of a revision come in one response
            self._next = max(self._next, response.events[-1].kv.mod_revision + 1)
        elif not response.created:  # a progress report: there are no other changes up to this revision
            self._next = max(self._next, response.header.revision + 1)

    def _raise_if_lasting(self, failure: Exception, response: Any = None) -> None:
        """Raise a failure that another member can't fix, or that has lasted too long."""
        if response is not None and response.compact_revision:
            raise Compacted(
                f"changes from revision {self._next} on are gone (etcd keeps those after {response.compact_revision}): "
                "scan again, and watch from there"
            )
        if isinstance(failure, PermissionDenied):
            raise failure
        now = time.monotonic()
        self._away_since = self._away_since or now
        if now - self._away_since > _MOST_AWAY and not self._closed.is_set():
            raise failure
