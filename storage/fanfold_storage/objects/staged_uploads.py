"""Multipart uploads: written now, and completed later by any process that has the handle.

Uploads that were never completed have to be found and swept. Most servers list uploads by prefix, but MinIO only by
their complete key. If the first upload of a process isn't listed by prefix, each gets a mark: an object below
`.staged/uploads/` that names the upload, and is deleted with it.
"""

import contextlib
import hashlib
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from fanfold_storage.errors import InvalidKey, NotFound, PermissionDenied, StorageError
from fanfold_storage.objects.s3_bucket import S3Bucket
from fanfold_storage.objects.s3_errors import NoSuchUpload

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

STAGED = ".staged/"
_MARKS = f"{STAGED}uploads/"
_LONGEST_KEY = 1024
# S3 takes at most 10,000 parts, all but the last of at least 5 MiB. The size doubles every 2,000 parts, so that little
# is buffered, and objects of up to 450 GiB fit.
PART = 8 * 1024 * 1024
_SAME_SIZE = 2_000


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload of the object `key` (below the root), and whether it has a mark."""

    key: str
    id: str
    marked: bool


class Uploads:
    """The uploads below `root`, which is empty or ends with a slash."""

    def __init__(self, bucket: S3Bucket, root: str) -> None:
        self._bucket = bucket
        self._root = root
        self._listed: bool | None = None

    def begin(self, key: str) -> Upload:
        """Begin an upload that `sweep` will find."""
        full = self._root + key
        upload = self._bucket.begin_upload(full)
        if self._listed is None:
            self._listed = self._shows(full[:-1], upload)
        mark = self._mark(key, upload)
        marked = not self._listed and len(mark.encode()) <= _LONGEST_KEY
        if marked:
            self._bucket.put(mark, upload.encode())
        return Upload(key, upload, marked)

    def send(self, upload: Upload, number: int, part: bytes) -> str:
        """Upload a part; returns its ETag."""
        return self._bucket.upload_part(self._root + upload.key, upload.id, number, part)

    def complete(self, upload: Upload, etags: list[str]) -> None:
        """Complete the upload, unless that was done before: only some servers still know a completed upload."""
        full = self._root + upload.key
        try:
            self._bucket.complete_upload(full, upload.id, etags)
        except NoSuchUpload as gone:
            try:
                self._bucket.head(full)
            except NotFound:
                raise NotFound(f"nothing to commit for {upload.key}: its staged write was discarded") from gone
        self._unmark(upload)

    def abort(self, upload: Upload) -> None:
        """Discard the upload."""
        self._bucket.abort_upload(self._root + upload.key, upload.id)
        self._unmark(upload)

    def exists(self, upload: Upload) -> bool:
        """Whether the upload can still be completed, or was."""
        full = self._root + upload.key
        with contextlib.suppress(PermissionDenied):  # without the right to list uploads, they count as gone
            if any(listed == upload.id for _, listed in self._bucket.uploads(full)):
                return True
        try:
            self._bucket.head(full)
        except NotFound:
            return False
        return True

    def sweep(self, prefix: str, keep: Collection[str] = ()) -> None:
        """Discard every upload of keys under the prefix, except those with the ids in `keep`.

        A server lists a thousand uploads at a time: if it is asked to keep as many, some others may stay, too.
        """
        with contextlib.suppress(PermissionDenied):  # without the right to list uploads, they have marks
            dropped: set[tuple[str, str]] = set()
            while listed := set(self._bucket.uploads(self._root + prefix)) - dropped:
                for full, upload in listed:
                    if upload not in keep:
                        self._bucket.abort_upload(full, upload)
                dropped |= listed
        marks = self._root + _MARKS
        for objects, _ in self._bucket.pages(marks + prefix):
            for mark in (head.key for head in objects):
                with contextlib.suppress(NotFound):  # it was just completed
                    upload = b"".join(self._bucket.get(mark, 0, None, None).stream()).decode()
                    if upload not in keep:
                        self.abort(Upload(mark[len(marks) :].rpartition("/")[0], upload, marked=True))

    def _shows(self, prefix: str, upload: str) -> bool:
        try:
            return any(listed == upload for _, listed in self._bucket.uploads(prefix))
        except PermissionDenied:
            return False

    def _mark(self, key: str, upload: str) -> str:
        return f"{self._root}{_MARKS}{key}/{hashlib.sha256(upload.encode()).hexdigest()[:32]}"

    def _unmark(self, upload: Upload) -> None:
        if upload.marked:
            self._bucket.delete(self._mark(upload.key, upload.id))


class StagedUpload:
    """A write in progress: the uploaded parts, one that is under way, and a buffer for the next one.

    Whoever writes goes on while a part is uploaded; that it couldn't be is raised by the next call.
    """

    def __init__(self, uploads: Uploads, key: str) -> None:
        self.size = 0
        self._uploads = uploads
        self._key = key
        self._upload: Upload | None = None
        self._etags: list[str] = []
        self._sent = 0
        self._buffer = bytearray()
        self._under_way: Future[str] | None = None

    @property
    def begun(self) -> bool:
        """Whether the upload of any part has begun."""
        return self._upload is not None

    @property
    def buffered(self) -> bytes:
        """The bytes whose upload hasn't begun."""
        return bytes(self._buffer)

    def write(self, data: bytes) -> None:
        """Append bytes; begin to upload each part when it is full, and the one before is there."""
        self.size += len(data)
        self._buffer += data
        while len(self._buffer) >= (size := PART << self._sent // _SAME_SIZE):
            part = bytes(self._buffer[:size])
            del self._buffer[:size]
            self._await_part()
            upload, number = self._next_part()
            self._under_way = self._thread.submit(self._uploads.send, upload, number, part)

    def seal(self) -> str:
        """Upload the rest (an empty object is one empty part); the handle names the upload and its parts."""
        self._await_part()
        if self._buffer or not self._sent:
            upload, number = self._next_part()
            self._etags.append(self._uploads.send(upload, number, self.buffered))
            self._buffer.clear()
        assert self._upload is not None
        return json.dumps({**asdict(self._upload), "etags": self._etags})

    def abort(self) -> None:
        """Discard the upload, once nothing of it is under way any more: a part that came later would stay."""
        with contextlib.suppress(StorageError):
            self._await_part()
        if self._upload is not None:
            self._uploads.abort(self._upload)

    def _next_part(self) -> tuple[Upload, int]:
        if self._upload is None:
            self._upload = self._uploads.begin(self._key)
        self._sent += 1
        return self._upload, self._sent

    def _await_part(self) -> None:
        if self._under_way is not None:
            part, self._under_way = self._under_way, None
            self._etags.append(part.result())

    @cached_property
    def _thread(self) -> "ThreadPoolExecutor":
        from concurrent.futures import ThreadPoolExecutor  # importing it takes longer than writing a small object

        return ThreadPoolExecutor(1)


def parse_handle(handle: str) -> tuple[Upload, list[str]]:
    """The upload, and the ETags of its parts. Raises InvalidKey: the handle isn't one of ours."""
    try:
        parsed = json.loads(handle)
        upload = Upload(str(parsed["key"]), str(parsed["id"]), bool(parsed["marked"]))
        return upload, [str(etag) for etag in parsed["etags"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise InvalidKey(f"not the handle of a write staged in S3: {handle[:200]!r}") from error
