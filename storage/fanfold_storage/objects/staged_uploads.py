"""Multipart uploads that are written now and completed later, by whoever holds the handle."""

import json

from fanfold_storage.errors import InvalidKey
from fanfold_storage.objects.s3_bucket import S3Bucket

# S3 takes at most 10,000 parts, each but the last of at least 5 MiB. The size doubles every 2,000 parts, so that little
# is buffered and yet 450 GiB fit.
PART = 8 * 1024 * 1024
_SAME_SIZE = 2_000


class StagedUpload:
    """A write under way: parts that were uploaded, and what doesn't fill one yet."""

    def __init__(self, bucket: S3Bucket, key: str, full: str) -> None:
        self.size = 0
        self._bucket = bucket
        self._key = key
        self._full = full
        self._upload: str | None = None
        self._etags: list[str] = []
        self._buffer = bytearray()

    @property
    def begun(self) -> bool:
        """Whether the server knows of it yet."""
        return self._upload is not None

    @property
    def buffered(self) -> bytes:
        """What is not uploaded yet."""
        return bytes(self._buffer)

    def write(self, data: bytes) -> None:
        """Append bytes; each part that is full goes to the server."""
        self.size += len(data)
        self._buffer += data
        while len(self._buffer) >= (size := PART << len(self._etags) // _SAME_SIZE):
            self._send(bytes(self._buffer[:size]))
            del self._buffer[:size]

    def seal(self) -> str:
        """Upload what is left (an empty object is one empty part); the handle tells the parts."""
        if self._buffer or not self._etags:
            self._send(self.buffered)
            self._buffer.clear()
        return json.dumps({"key": self._key, "upload": self._upload, "etags": self._etags})

    def abort(self) -> None:
        """Drop the upload."""
        if self._upload is not None:
            self._bucket.abort_upload(self._full, self._upload)

    def _send(self, part: bytes) -> None:
        if self._upload is None:
            self._upload = self._bucket.begin_upload(self._full)
        self._etags.append(self._bucket.upload_part(self._full, self._upload, len(self._etags) + 1, part))


def parse_handle(handle: str) -> tuple[str, str, list[str]]:
    """Key, upload id and ETags of the parts. Raises InvalidKey if it isn't one of ours."""
    try:
        parsed = json.loads(handle)
        return str(parsed["key"]), str(parsed["upload"]), [str(etag) for etag in parsed["etags"]]
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidKey(f"not the handle of a write staged in S3: {handle[:200]!r}") from error
