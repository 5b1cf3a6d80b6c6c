"""A simulated S3 bucket, in the place of `fanfold_storage.objects.s3_bucket.S3Bucket`: requests, and what they cost.

All above it is the product's own: which requests an operation needs, `S3Objects` decides. Objects that are only read
by the simulated bodies of tasks are sizes without bytes.
"""

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from bench.simulate.clock import Clock
from bench.simulate.stores import Store
from fanfold_storage.errors import NotFound, Unavailable
from fanfold_storage.objects.s3_bucket import _PAUSES, Head
from fanfold_storage.objects.s3_errors import OutOfRange

PAGE = 1000
AT_ONCE = 8
SMALL = 64 << 10
"""Bytes that come with the first one."""
BUCKET = "simulated"
READS = frozenset({"get", "head", "list"})


@dataclass(slots=True)
class Limit:
    """So many requests a second, and at most those of one second at once."""

    rate: float
    _left: float = 0.0
    _at: float = 0.0

    def admits(self, now: float, count: int) -> bool:
        """Whether requests are served now."""
        self._left = min(self.rate, self._left + (now - self._at) * self.rate)
        self._at = now
        if self._left < min(count, self.rate):
            return False
        self._left -= count
        return True


@dataclass
class Server:
    """What all workers' clients talk to: the objects, and counts of the requests."""

    clock: Clock
    store: Store
    random: Random = field(default_factory=lambda: Random(20))
    requests: Counter[str] = field(default_factory=Counter)
    """By kind and by what they were about."""
    by_second: Counter[int] = field(default_factory=Counter)
    throttled: int = 0
    uploads: dict[str, tuple[str, int]] = field(default_factory=dict)
    """The key of each multipart upload, and how many bytes it has."""
    objects: dict[str, bytes | int] = field(default_factory=dict)
    """The bytes of each; the size alone of what only bodies of tasks read."""
    heads: dict[str, Head] = field(default_factory=dict)
    """The head of each."""
    _folders: dict[str, list[str]] = field(default_factory=dict)
    _limits: dict[bool, Limit] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._limits = {True: Limit(self.store.reads), False: Limit(self.store.writes)}

    def request(self, kind: str, key: str, size: int = 0, count: int = 1) -> None:
        """Let the current thread wait for the response to `count` requests, one after the other, with `size` bytes in
        all. Raises Unavailable: the server had too many, each time."""
        reads = kind in READS
        for pause in (*_PAUSES, None):
            self.requests[f"{kind} {_what(key)}"] += count
            self.by_second[int(self.clock.now)] += count
            latency = sum(self.store.latency_of(self.random, reads=reads) for _ in range(count))
            if self._limits[reads].admits(self.clock.now, count):
                self.clock.wait(latency + max(0, size - SMALL) / self.store.stream)
                return
            self.throttled += count
            if pause is None:
                raise Unavailable(f"{key}: the server has too many requests (503 Slow Down)")
            self.clock.wait(latency / count + pause * self.random.uniform(0.5, 1.5))

    def write(self, key: str, value: bytes | int) -> None:
        """Make an object visible."""
        assert not key.endswith("/failed.json"), f"the simulated job failed: {value!r}"
        if key not in self.objects:
            insort(self._folders.setdefault(key.rpartition("/")[0], []), key)
        self.objects[key] = value
        self.heads[key] = Head(key, value if isinstance(value, int) else len(value), self.clock.now)

    def delete(self, key: str) -> None:
        """Remove an object."""
        if self.objects.pop(key, None) is not None:
            del self.heads[key]
            names = self._folders[key.rpartition("/")[0]]
            del names[bisect_left(names, key)]

    def page(self, prefix: str, after: str) -> tuple[list[str], bool]:
        """Up to 1,000 keys with a prefix that come after another key, and whether there are more."""
        folder = prefix.rpartition("/")[0]
        named = [names for name, names in self._folders.items() if name == folder or name.startswith(prefix)]
        found: list[str] = []
        for names in named:
            start = bisect_right(names, after) if after > prefix else bisect_left(names, prefix)
            stop = bisect_left(names, f"{prefix}\U0010ffff", start, min(len(names), start + PAGE + 1))
            found += names[start:stop]
        if len(named) > 1:
            found.sort()
        return found[:PAGE], len(found) > PAGE

    def begin(self, key: str) -> str:
        """A new upload."""
        upload = f"upload-{len(self.objects)}-{self.requests.total()}"
        self.uploads[upload] = key, 0
        return upload

    def add(self, upload: str, size: int) -> None:
        """Add bytes to an upload."""
        key, before = self.uploads[upload]
        self.uploads[upload] = key, before + size

    def complete(self, upload: str) -> None:
        """Make an upload an object."""
        self.write(*self.uploads.pop(upload))


def _what(key: str) -> str:
    """What an object is for, as requests are counted: its folder or name in the job tree."""
    inside = key.partition("_job/")[2]
    if not inside:
        return key.split("/")[0]
    *folders, name = inside.split("/")
    return (folders[2] if len(folders) > 2 else folders[0]) if folders else name


class Response:
    """The response to a GET."""

    status = 206

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.headers: dict[str, str] = {}

    def stream(self, _chunk: int, decode_content: bool = False) -> Iterator[bytes]:
        """The body in one chunk."""
        if self._body:
            yield self._body

    def close(self) -> None:
        """Nothing needs closing."""


class SimulatedBucket:
    """The client of one worker: the methods of `S3Bucket`."""

    name = BUCKET
    endpoint = "a simulated server"

    def __init__(self, server: Server) -> None:
        self._server = server

    def get(self, key: str, start: int, stop: int | None, etag: str | None) -> Response:
        """The response whose body is the range."""
        value = self._server.objects.get(key)
        if value is None:
            self._server.request("get", key)
            raise NotFound(f"there is no {key}")
        if isinstance(value, int):
            self._server.request("get", key, min(value, value if stop is None else stop) - start)
            return Response(b"")
        body = value[start:stop]
        self._server.request("get", key, len(body))
        if start and not body:
            raise OutOfRange(f"{key} has no byte {start}")
        return Response(body)

    def head(self, key: str) -> Head:
        """The head of an object. Raises NotFound."""
        self._server.request("head", key)
        if key not in self._server.heads:
            raise NotFound(f"there is no {key}")
        return self._server.heads[key]

    def put(self, key: str, data: Any) -> None:
        """Write an object: bytes, or only so many."""
        size = data if isinstance(data, int) else len(data)
        self._server.request("put", key, size)
        self._server.write(key, data)

    def create(self, key: str, data: bytes) -> bool:
        """Write an object unless it exists."""
        self._server.request("create", key, len(data))
        if key in self._server.objects:
            self._server.requests[f"refused {_what(key)}"] += 1
            return False
        self._server.write(key, data)
        return True

    def delete(self, key: str) -> None:
        """Remove an object, if it exists."""
        self._server.request("delete", key)
        self._server.delete(key)

    def begin_upload(self, key: str) -> str:
        """Begin a multipart upload."""
        self._server.request("upload", key)
        return self._server.begin(key)

    def upload_part(self, key: str, upload: str, number: int, data: bytes) -> str:
        """Upload a part."""
        self.upload_parts(key, upload, 1, len(data))
        return f"etag-{number}"

    def upload_parts(self, key: str, upload: str, count: int, size: int) -> None:
        """Upload parts one after the other, `size` bytes in all; a few of them are one event."""
        for start in range(0, count, AT_ONCE):
            several = min(AT_ONCE, count - start)
            self._server.request("upload", key, size * several // count, several)
        self._server.add(upload, size)

    def complete_upload(self, key: str, upload: str, etags: Sequence[str]) -> None:
        """Make the object from its parts."""
        self._server.request("upload", key)
        self._server.complete(upload)

    def abort_upload(self, key: str, upload: str) -> None:
        """Discard an upload."""
        self._server.request("delete", key)
        self._server.uploads.pop(upload, None)

    def uploads(self, prefix: str) -> list[tuple[str, str]]:
        """The uploads that have begun for keys with a prefix, as AWS lists them."""
        self._server.request("list", prefix)
        return [(key, upload) for upload, (key, _) in self._server.uploads.items() if key.startswith(prefix)]

    def pages(self, prefix: str) -> Iterator[tuple[list[Head], str]]:
        """Pages of up to 1,000 objects. Each is as the bucket is when it is requested."""
        after, is_cut = "", True
        while is_cut:
            self._server.request("list", prefix)
            page, is_cut = self._server.page(prefix, after)
            yield [self._server.heads[key] for key in page], "simulated"
            after = page[-1] if page else ""
