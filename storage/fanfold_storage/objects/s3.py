"""Objects in an S3 bucket, below a prefix: on AWS, MinIO, SeaweedFS, or another server with the same guarantees.

An object becomes visible when it is put, or when its multipart upload is completed; an uncompleted upload is a staged
write. `put_if_absent` depends on `If-None-Match: *`. A server that ignores it would let two callers win, so before the
first such put, each process tests the server with an object of its own, `.staged/probe`.
"""

import contextlib
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping

from urllib3.exceptions import HTTPError

from fanfold_storage.errors import InvalidKey, StorageError, Unavailable, Unsupported
from fanfold_storage.objects.protocol import Stat, holdable, readable_key, validate_key
from fanfold_storage.objects.s3_bucket import S3Bucket
from fanfold_storage.objects.s3_errors import OutOfRange, Taken
from fanfold_storage.objects.staged_uploads import STAGED, StagedUpload, Upload, Uploads, parse_handle

CHUNK = 1024 * 1024
_FAILURES_IN_A_ROW = 5


class OpenObject:
    """A version of an object, known by its ETag; nothing is held open."""

    def __init__(self, objects: "S3Objects", stat: Stat, etag: str) -> None:
        self._objects, self._etag, self.stat, self.version = objects, etag, stat, etag

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes of the range, as long as the key holds this version."""
        left = stop - start
        for chunk in self._objects.read(self.stat.key, start, stop, self._etag):
            left -= len(chunk)
            yield chunk
        if left:
            url = f"{self._objects.url}{self.stat.key}"
            raise Unavailable(f"{url} was cut short while it was being read: read it again")

    def close(self) -> None:
        """Nothing needs closing."""


class S3Objects:
    """The objects of a bucket whose keys begin with `prefix`."""

    def __init__(self, bucket: str, prefix: str, environ: Mapping[str, str]) -> None:
        prefix = prefix.strip("/")
        if not bucket or (prefix and readable_key(prefix) != prefix):
            raise InvalidKey(f"an S3 URL is s3://bucket or s3://bucket/prefix, not s3://{bucket}/{prefix}")
        self._bucket = S3Bucket(bucket, environ)
        self._prefix = f"{prefix}/" if prefix else ""
        self._uploads = Uploads(self._bucket, self._prefix)
        self._proving = threading.Lock()
        self._proven = False

    @property
    def url(self) -> str:
        """The root as `s3://bucket/prefix/`."""
        return f"s3://{self._bucket.name}/{self._prefix}"

    def read(self, key: str, start: int = 0, stop: int | None = None, etag: str | None = None) -> Iterator[bytes]:
        """The bytes of the range; if the connection breaks, reading resumes there, from the same version.

        With `etag`, only this version is read.
        """
        full = self._full(key, to_read=True)
        failures = 0
        while stop is None or start < stop:
            try:
                with holdable(key):
                    response = self._bucket.get(full, start, stop, etag)
            except OutOfRange:
                return
            except Taken as changed:
                raise Unavailable(f"{self.url}{key} was replaced while it was being read: read it again") from changed
            etag = response.headers.get("etag")
            try:
                for chunk in response.stream(CHUNK, decode_content=False):
                    start += len(chunk)
                    failures = 0
                    yield chunk
                return
            except HTTPError as error:
                failures += 1
                if failures == _FAILURES_IN_A_ROW:
                    raise Unavailable(f"cannot read {self.url}{key}: the connection keeps breaking") from error
            finally:
                response.close()
        self._bucket.head(full)  # raises if the object doesn't exist

    def open(self, key: str) -> OpenObject:
        """What a HEAD request tells; reads say which version they want."""
        with holdable(key):
            found = self._bucket.head(self._full(key, to_read=True))
        return OpenObject(self, Stat(key, found.size, found.modified), found.etag)

    def put(self, key: str, chunks: Iterable[bytes], *, hint: bool = False) -> int:
        """One request if the object fits into a part, otherwise a multipart upload; always durable."""
        staged = self.stage(key)
        try:
            for chunk in chunks:
                staged.write(chunk)
            if not staged.begun:
                self._bucket.put(self._full(key), staged.buffered)
                return staged.size
            self.commit(staged.seal())
        except BaseException:
            with contextlib.suppress(StorageError):  # the first error says more; `sweep` finds what is left
                staged.abort()
            raise
        return staged.size

    def put_if_absent(self, key: str, data: bytes, *, hint: bool = False) -> bool:
        """Put with `If-None-Match: *`; always durable."""
        full = self._full(key)
        self._prove_conditional_puts()
        return self._bucket.create(full, data)

    def stage(self, key: str) -> StagedUpload:
        """A multipart upload that `commit` completes."""
        self._full(key)  # raises for an invalid key
        return StagedUpload(self._uploads, key)

    def commit(self, handle: str) -> None:
        """Complete the upload."""
        upload, etags = parse_handle(handle)
        self._full(upload.key)  # raises for a handle with an invalid key
        self._uploads.complete(upload, etags)

    def abort(self, handle: str) -> None:
        """Discard the upload."""
        upload, _ = parse_handle(handle)
        self._full(upload.key)  # raises for a handle with an invalid key
        self._uploads.abort(upload)

    def is_staged(self, handle: str) -> bool:
        """Whether the server knows the upload, or has the object."""
        upload, _ = parse_handle(handle)
        self._full(upload.key)  # raises for a handle with an invalid key
        return self._uploads.exists(upload)

    def list(self, prefix: str = "", *, deepest: int | None = None) -> Iterator[Stat]:
        """The bucket's own listing, a thousand keys per request."""
        above, slash, _ = prefix.rpartition("/")
        if slash:
            readable_key(above)  # raises for an invalid prefix
        last = ""
        for stat in self._in_order(self._prefix + prefix):
            if stat.key < last:
                raise Unsupported(f"{self._bucket.endpoint} lists {stat.key!r} after {last!r}: it does not sort by key")
            last = stat.key
            if deepest is not None and stat.key.count("/") >= deepest:
                continue
            if f"/{STAGED}" not in f"/{stat.key}":  # also below a prefix that is the root of another store
                yield stat

    def stat(self, key: str) -> Stat:
        """The response to a HEAD request."""
        with holdable(key):
            found = self._bucket.head(self._full(key, to_read=True))
        return Stat(key, found.size, found.modified)

    def delete(self, key: str) -> None:
        """Remove the object."""
        self._bucket.delete(self._full(key))

    def sweep(self, prefix: str = "", *, keep: Collection[str] = ()) -> None:
        """Discard every upload under the prefix and, with an empty prefix, the probe."""
        self._uploads.sweep(prefix, keep={upload.id for upload in _uploads_of(keep)})
        if not prefix:
            self._bucket.delete(self._prefix + STAGED + "probe")

    def _in_order(self, prefix: str) -> Iterator[Stat]:
        stats: list[Stat] = []
        for objects, server in self._bucket.pages(prefix):
            page = [Stat(head.key[len(self._prefix) :], head.size, head.modified) for head in objects]
            if "SeaweedFS" not in server:
                yield from page
                continue
            # SeaweedFS walks its folders as `a`, `a/…`, `a-`, `a.txt`, so all of them have to be sorted here.
            stats += page
        yield from sorted(stats, key=lambda stat: stat.key)

    def _prove_conditional_puts(self) -> None:
        with self._proving:
            if self._proven:
                return
            probe = self._prefix + STAGED + "probe"
            if self._bucket.create(probe, b"") and self._bucket.create(probe, b""):
                raise Unsupported(
                    f"{self._bucket.endpoint} ignores If-None-Match, so two callers could both win: use another server"
                )
            self._proven = True

    def _full(self, key: str, *, to_read: bool = False) -> str:
        full = self._prefix + (readable_key(key) if to_read else validate_key(key))
        try:
            size = len(full.encode())
        except UnicodeEncodeError as error:
            raise InvalidKey(f"keys in S3 must be valid UTF-8: {key!r}") from error
        if size > 1024 or f"/{STAGED}" in f"/{key}/":
            reason = "folders named .staged are reserved for staged writes" if size <= 1024 else "over 1,024 bytes"
            raise InvalidKey(f"{self.url}{key[:80]}: {reason}")
        return full


def _uploads_of(handles: Iterable[str]) -> Iterator[Upload]:
    for handle in handles:
        with contextlib.suppress(InvalidKey):
            yield parse_handle(handle)[0]
