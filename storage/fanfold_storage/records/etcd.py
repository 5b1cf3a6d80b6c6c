"""Records in etcd, through etcd3's generated stubs: the only module that imports etcd3.

Nothing else of etcd3 0.12.0 is used: it drops limits and revisions from requests, has no timeouts, knows one endpoint,
and its watches end silently. Here every request is built by hand and has a timeout, `Endpoints` switches to another
member, and a watch resumes after its last revision. gRPC doesn't survive a fork: open the records again in the child.
"""

import contextlib
import math
import os
import re
import threading
import warnings
import weakref
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from fanfold_storage.errors import InvalidKey, StorageError, Unsupported
from fanfold_storage.records.encoding import (
    decode_value,
    encode_key,
    encode_keys,
    encode_prefix,
    encode_range,
    encode_writes,
    prefix_end,
)
from fanfold_storage.records.etcd_endpoints import TIMEOUT, Endpoints
from fanfold_storage.records.etcd_spans import Spans
from fanfold_storage.records.etcd_watch import EtcdWatch
from fanfold_storage.records.protocol import Conflict, Expect, Page, Record, Write

# etcd3's messages were generated for protobuf 3; newer versions accept them only in the pure Python implementation,
# which has to be chosen before protobuf is loaded. It costs 0.2 ms per transaction.
os.environ.setdefault("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "python")
try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import etcd3
        from etcd3 import etcdrpc
except TypeError as error:
    raise Unsupported(
        "protobuf was loaded in another form before Fanfold could choose the one that etcd3 works with. "
        "Set the environment variable PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=python."
    ) from error

_TLS = {"ca_cert": "ETCDCTL_CACERT", "cert_cert": "ETCDCTL_CERT", "cert_key": "ETCDCTL_KEY"}
_EVERYTHING = b"\0"
_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),  # or a new channel would inherit the failure of the old
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
    # Only pings show a watch that its member froze or the network is down; etcd tolerates one every 5 s.
    ("grpc.keepalive_time_ms", 6_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.http2.ping_timeout_ms", 3_000),
    ("grpc.http2.max_pings_without_data", 0),
]


class EtcdRecords:
    """The records in the etcd whose members listen at `endpoints` (`host:port`).

    It is reached over TLS if `environ` sets ETCDCTL_CACERT, ETCDCTL_CERT and ETCDCTL_KEY.
    """

    is_local = False

    def __init__(self, endpoints: Sequence[str], environ: Mapping[str, str]) -> None:
        connect = partial(_connect, _tls_files(environ))
        self._endpoints = Endpoints([_with_port(endpoint) for endpoint in endpoints], connect)
        self._watches: weakref.WeakSet[EtcdWatch] = weakref.WeakSet()
        self._spans = Spans()

    def get(self, key: str) -> Record | None:
        """The record under the key, as a majority of the members have it."""
        request = etcdrpc.RangeRequest(key=encode_key(key))
        response = self._endpoints.call(f"read {key}", lambda client: client.kvstub.Range(request, timeout=TIMEOUT))
        return _record(response.kvs[0]) if response.kvs else None

    def get_many(self, keys: Sequence[str]) -> dict[str, Record]:
        """The records under the keys, by one transaction that only reads."""
        reads = [etcdrpc.RequestOp(request_range=etcdrpc.RangeRequest(key=key)) for key in encode_keys(keys)]
        request = etcdrpc.TxnRequest(success=reads)
        names = ", ".join(keys[:3]) or "nothing"
        response = self._endpoints.call(f"read {names}", lambda client: client.kvstub.Txn(request, timeout=TIMEOUT))
        records = [_record(pair) for read in response.responses for pair in read.response_range.kvs]
        return {record.key: record for record in records}

    def scan(
        self, prefix: str, *, after: str = "", before: str = "", limit: int = 100, revision: int | None = None
    ) -> Page:
        """A page of records in key order, from the parts of the range that are needed (`etcd_spans`)."""
        start, (first, end) = encode_prefix(prefix), _range_of(prefix, after, before)
        pairs: list[Any] = []
        visited, begin, more = 0, first, True
        for until in self._spans.ends(start, first, end, limit):
            wanted = limit - len(pairs)
            some = {"limit": max(wanted, 1), "keys_only": not wanted, "revision": revision or 0}
            response = self._range(prefix, key=begin, range_end=until, **some)
            revision = revision or response.header.revision
            visited += response.count
            pairs += response.kvs[:wanted]
            more = response.count > wanted
            if more:
                break
            begin = until
        found = [pair.key for pair in pairs]
        self._spans.note(start, found, visited, is_first=not after, is_last=not (more or before))
        return Page([_record(pair) for pair in pairs], revision or 0, more)

    def count(self, prefix: str, *, after: str = "", before: str = "", most: int) -> int:
        """How many records etcd counts in the parts of the range that are needed."""
        begin, end = _range_of(prefix, after, before)
        count = 0
        for until in self._spans.ends(encode_prefix(prefix), begin, end, most):
            count += self._range(prefix, key=begin, range_end=until, count_only=True).count
            if count >= most:
                return most
            begin = until
        return count

    def transact(self, expectations: Sequence[Expect], writes: Sequence[Write]) -> int | Conflict:
        """All writes or none, as one etcd transaction."""
        encoded = encode_writes(expectations, writes)
        compare = [_comparison(expect) for expect in expectations]
        leases = {seconds: self._grant_lease(seconds) for seconds in {_lifetime(write) for write in writes} if seconds}
        changes = [
            _put(key, value, leases.get(_lifetime(write), 0)) if value is not None else _delete(key)
            for (key, value), write in zip(encoded, writes, strict=True)
        ]
        request = etcdrpc.TxnRequest(compare=compare, success=changes)
        names = ", ".join([write.key for write in writes][:3]) or "nothing"
        response = self._endpoints.call(
            f"write {names}", lambda client: client.kvstub.Txn(request, timeout=TIMEOUT), writing=True
        )
        if response.succeeded:
            return int(response.header.revision)
        for lease in leases.values():
            self._revoke_lease(lease)
        return Conflict()

    def watch(self, prefix: str, from_revision: int) -> EtcdWatch:
        """Every change under the prefix from the revision on."""
        start = encode_prefix(prefix)
        span = {"key": start or _EVERYTHING, "range_end": prefix_end(start) or _EVERYTHING}

        def open_stream(client: Any, revision: int, until: threading.Event) -> Any:
            def requests() -> Iterator[Any]:
                create = etcdrpc.WatchCreateRequest(**span, start_revision=revision, progress_notify=True)
                yield etcdrpc.WatchRequest(create_request=create)
                until.wait()

            # hasleader: a member that is cut off from the others ends the stream instead of keeping silent.
            return etcdrpc.WatchStub(client.channel).Watch(requests(), metadata=(("hasleader", "true"),))

        watch = EtcdWatch(self._endpoints, open_stream, from_revision)
        self._watches.add(watch)
        return watch

    def close(self) -> None:
        """End the watches, and release the connections."""
        for watch in list(self._watches):
            watch.close()
        self._endpoints.close()

    def _range(self, prefix: str, **span: Any) -> Any:
        request = etcdrpc.RangeRequest(**span)
        return self._endpoints.call(f"scan {prefix}", lambda client: client.kvstub.Range(request, timeout=TIMEOUT))

    def _grant_lease(self, seconds: int) -> int:
        request = etcdrpc.LeaseGrantRequest(TTL=seconds)
        response = self._endpoints.call(
            "grant a lease", lambda client: client.leasestub.LeaseGrant(request, timeout=TIMEOUT)
        )
        return int(response.ID)

    def _revoke_lease(self, lease: int) -> None:
        request = etcdrpc.LeaseRevokeRequest(ID=lease)
        with contextlib.suppress(StorageError):  # it expires by itself
            self._endpoints.call(
                "revoke a lease", lambda client: client.leasestub.LeaseRevoke(request, timeout=TIMEOUT)
            )


def _with_port(endpoint: str) -> str:
    match = re.fullmatch(r"(\[[0-9A-Fa-f:]+\]|[^\s/:@]+)(?::(\d+))?", endpoint)
    if not match:
        raise InvalidKey(f"an etcd URL is etcd://host:port[,host:port…]; {endpoint!r} is not host:port")
    return f"{match[1]}:{match[2] or 2379}"


def _tls_files(environ: Mapping[str, str]) -> dict[str, str]:
    """etcd3's arguments for TLS; none without it. Raises InvalidKey: a variable isn't set, or a file can't be read."""
    files = {argument: environ[name] for argument, name in _TLS.items() if environ.get(name)}
    if missing := [name for argument, name in _TLS.items() if files and argument not in files]:
        raise InvalidKey(f"TLS to etcd needs {', '.join(_TLS.values())}, but {' and '.join(missing)} is not set")
    for argument, file in files.items():
        try:
            Path(file).read_bytes()
        except OSError as error:
            raise InvalidKey(f"cannot read {file}, which {_TLS[argument]} names: {error.strerror}") from error
    return files


def _connect(tls: Mapping[str, str], endpoint: str) -> Any:
    host, _, port = endpoint.rpartition(":")
    return etcd3.Etcd3Client(host=host, port=port, timeout=TIMEOUT, grpc_options=_OPTIONS, **tls)


def _range_of(prefix: str, after: str, before: str) -> tuple[bytes, bytes]:
    start, end = encode_range(prefix, after, before)
    return start or _EVERYTHING, end or _EVERYTHING


def _record(pair: Any) -> Record:
    return Record(pair.key.decode(), decode_value(pair.value), pair.mod_revision)


def _comparison(expect: Expect) -> Any:
    # In etcd, too, an absent key has revision 0.
    return etcdrpc.Compare(
        result=etcdrpc.Compare.EQUAL,
        target=etcdrpc.Compare.MOD,
        key=encode_key(expect.key),
        mod_revision=expect.revision,
    )


def _lifetime(write: Write) -> int:
    return 0 if write.expires_in is None or write.value is None else math.ceil(write.expires_in)


def _put(key: bytes, value: bytes, lease: int) -> Any:
    return etcdrpc.RequestOp(request_put=etcdrpc.PutRequest(key=key, value=value, lease=lease))


def _delete(key: bytes) -> Any:
    return etcdrpc.RequestOp(request_delete_range=etcdrpc.DeleteRangeRequest(key=key))
