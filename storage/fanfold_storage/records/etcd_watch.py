"""A watch over etcd that outlives the streams it runs on: each one goes on after the last revision that was told."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from fanfold_storage.errors import Compacted, Unavailable
from fanfold_storage.records.encoding import decode_value
from fanfold_storage.records.etcd_endpoints import TIMEOUT, Endpoints, explain
from fanfold_storage.records.protocol import Change

# An election takes a second or two, a member that is started anew some more.
_MOST_AWAY = 3 * TIMEOUT
_PAUSE = 0.1


class EtcdWatch:
    """Changes from a revision on.

    `open_stream(client, revision, until)` begins a stream that sends no more but stays open until the event is set.
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
        """The changes as they come, from whichever member answers."""
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
        if self._closed.is_set():  # closed between the loop's look and the stream's start
            self._stream.cancel()
        impatience = threading.Timer(TIMEOUT, self._stream.cancel)  # a frozen member accepts streams and says nothing
        impatience.daemon = True
        impatience.start()
        try:
            for response in self._stream:
                if response.canceled:
                    self._bear(Unavailable(f"etcd at {address} ended a watch: {response.cancel_reason}"), response)
                    return
                impatience.cancel()
                self._away_since = None
                yield from self._tell(response)
        except grpc.RpcError as error:
            self._bear(explain("watch records", address, error))
        finally:
            impatience.cancel()
            until.set()
            self._stream.cancel()

    def _tell(self, response: Any) -> Iterator[Change]:
        for event in response.events:
            if self._closed.is_set():
                return
            found = event.kv
            if found.mod_revision >= self._next:
                deleted = event.type == event.DELETE
                value = None if deleted else decode_value(found.value)
                yield Change(found.key.decode(), value, found.mod_revision)
        if response.events:  # a revision's changes come in one response
            self._next = max(self._next, response.events[-1].kv.mod_revision + 1)
        elif not response.created:  # a progress report: everything up to here has been told
            self._next = max(self._next, response.header.revision + 1)

    def _bear(self, failure: Exception, response: Any = None) -> None:
        """Raise what trying elsewhere cannot mend, or what has lasted too long."""
        if response is not None and response.compact_revision:
            raise Compacted(
                f"changes from revision {self._next} on are gone (etcd keeps those after {response.compact_revision}): "
                "scan again, watch from there"
            )
        now = time.monotonic()
        self._away_since = self._away_since or now
        if now - self._away_since > _MOST_AWAY and not self._closed.is_set():
            raise failure
