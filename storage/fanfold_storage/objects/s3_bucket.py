"""One S3 bucket's requests through the `minio` client: retried while that may help, errors as Fanfold's.

Only this module and `s3_errors` know the client. Its public calls take no `If-None-Match` and keep multipart uploads to
themselves, so the underscored ones are used, which is why the version is pinned. They write into the headers they are
given: each attempt gets new ones. Like the client, a bucket must not be shared across a fork.
"""

import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar
from urllib.parse import urlsplit
from xml.etree.ElementTree import ParseError

import certifi
from minio import Minio
from minio.datatypes import Object, Part, parse_list_objects
from minio.error import MinioException, ServerError
from urllib3 import BaseHTTPResponse, PoolManager, Timeout
from urllib3.exceptions import HTTPError

from fanfold_storage.errors import InvalidKey, NotFound, Unsupported
from fanfold_storage.objects.s3_errors import NoSuchUpload, Taken, explain, is_transient

_AWS = "https://s3.amazonaws.com"
_CONNECT_TIMEOUT = 5.0
_READ_TIMEOUT = 30.0
_PAUSES = (0.1, 0.3, 1.0, 3.0)
_RETRY_UNTIL = 60.0
_CONNECTIONS = 32
_MARK = "x-amz-meta-fanfold"
_FAILURES = (MinioException, HTTPError, ParseError, ValueError)

T = TypeVar("T")
_Fields = dict[str, str | list[str] | tuple[str]]


@dataclass(frozen=True, slots=True)
class Found:
    """What a server tells of an object; times to the second, as HEAD requests are no finer."""

    key: str
    size: int
    modified: float
    mark: str = ""


class S3Bucket:
    """A bucket of the server that AWS's variables in `environ` name."""

    def __init__(self, name: str, environ: Mapping[str, str]) -> None:
        self.name = name
        self.endpoint = environ.get("AWS_ENDPOINT_URL") or _AWS
        address = urlsplit(self.endpoint)
        if address.scheme not in {"http", "https"} or not address.netloc or address.path.strip("/"):
            raise InvalidKey(f"AWS_ENDPOINT_URL must be http(s)://host[:port], not {self.endpoint!r}")
        http = PoolManager(
            timeout=Timeout(connect=_CONNECT_TIMEOUT, read=_READ_TIMEOUT),
            maxsize=_CONNECTIONS,
            ca_certs=environ.get("AWS_CA_BUNDLE") or certifi.where(),
            retries=False,
        )
        # Without a region the client asks for each bucket's, which servers other than AWS need not answer.
        default_region = None if self.endpoint == _AWS else "us-east-1"
        try:
            self._client = Minio(
                address.netloc,
                access_key=environ.get("AWS_ACCESS_KEY_ID"),
                secret_key=environ.get("AWS_SECRET_ACCESS_KEY"),
                session_token=environ.get("AWS_SESSION_TOKEN"),
                secure=address.scheme == "https",
                region=environ.get("AWS_REGION") or default_region,
                http_client=http,
            )
        except ValueError as error:
            raise InvalidKey(f"cannot use {self.endpoint} with AWS's variables as they are set: {error}") from error

    def get(self, key: str, start: int, stop: int | None, etag: str | None) -> BaseHTTPResponse:
        """The response whose body is the range; with an `etag` only if the object is still that one.

        Raises OutOfRange if the object has nothing from `start` on.
        """

        def request() -> BaseHTTPResponse:
            headers: _Fields = {"If-Match": etag} if etag else {}
            if start or stop is not None:
                headers["Range"] = f"bytes={start}-{'' if stop is None else stop - 1}"
            return self._client.get_object(self.name, key, request_headers=headers)

        response = self._try("read", key, request)
        if (start or stop is not None) and response.status != 206:
            response.close()
            raise Unsupported(f"{self.endpoint} does not answer Range requests, which Fanfold needs")
        return response

    def head(self, key: str) -> Found:
        """What the server knows of an object."""
        return _found(self._try("look up", key, lambda: self._client.stat_object(self.name, key)))

    def put(self, key: str, data: bytes) -> None:
        """Write an object in one request."""
        self._try("write", key, lambda: self._client._put_object(self.name, key, data))

    def create(self, key: str, data: bytes) -> bool:
        """Write an object unless it is there."""
        mark = uuid.uuid4().hex
        attempts = 0

        def request() -> None:
            nonlocal attempts
            attempts += 1
            self._client._put_object(self.name, key, data, {"If-None-Match": "*", _MARK: mark})

        try:
            self._try("write", key, request)
        except Taken:
            # Taken by whom? If an earlier attempt's answer was lost, perhaps by ourselves.
            return attempts > 1 and self._bears(key, mark)
        return True

    def _bears(self, key: str, mark: str) -> bool:
        try:
            return self.head(key).mark == mark
        except NotFound:  # deleted meanwhile
            return False

    def delete(self, key: str) -> None:
        """Remove an object, if it is there."""
        self._try("delete", key, lambda: self._client.remove_object(self.name, key))

    def begin_upload(self, key: str) -> str:
        """The id of a new multipart upload."""
        return self._try("write", key, lambda: self._client._create_multipart_upload(self.name, key, {}))

    def upload_part(self, key: str, upload: str, number: int, data: bytes) -> str:
        """The ETag of a part, numbered from 1."""
        return self._try("write", key, lambda: self._client._upload_part(self.name, key, data, None, upload, number))

    def complete_upload(self, key: str, upload: str, etags: Sequence[str]) -> None:
        """Make the object of its parts. Raises NoSuchUpload."""
        parts = [Part(number, etag) for number, etag in enumerate(etags, 1)]

        def request() -> None:
            result = self._client._complete_multipart_upload(self.name, key, upload, parts)
            if not result.etag:  # the one request that may fail under the status 200
                raise ServerError("the server could not put the parts together", 500)

        self._try("complete", key, request)

    def abort_upload(self, key: str, upload: str) -> None:
        """Drop an upload and its parts, if they are still there."""
        try:
            self._try("drop", key, lambda: self._client._abort_multipart_upload(self.name, key, upload))
        except NoSuchUpload:
            return

    def uploads(self, prefix: str) -> list[tuple[str, str]]:
        """Key and id of up to 1,000 multipart uploads under the prefix."""
        listing = self._try("list", prefix, lambda: self._client._list_multipart_uploads(self.name, prefix=prefix))
        found = [(upload.object_name, upload.upload_id or "") for upload in listing.uploads]
        return [(key, upload) for key, upload in found if key.startswith(prefix)]

    def pages(self, prefix: str) -> Iterator[tuple[list[Found], str]]:
        """Objects under the prefix by the thousand, in the server's order, and what the server calls itself."""
        token: str | None = ""
        truncated = True
        while truncated:
            query: _Fields = {
                "list-type": "2",
                "prefix": prefix,
                "delimiter": "",
                "encoding-type": "url",
                "max-keys": "1000",
            }
            if token:
                query["continuation-token"] = token
            objects, truncated, token, server = self._try("list", prefix, partial(self._page, query))
            found = [_found(each) for each in objects]
            yield [each for each in found if not each.key.endswith("/")], server  # a name/ is another program's folder

    def _page(self, query: _Fields) -> tuple[list[Object], bool, str | None, str]:
        response = self._client._execute("GET", self.name, query_params=dict(query))
        objects, truncated, token, _ = parse_list_objects(response)
        return objects, truncated, token, response.headers.get("server", "")

    def _try(self, action: str, key: str, request: Callable[[], T]) -> T:
        give_up = time.monotonic() + _RETRY_UNTIL
        for pause in (*_PAUSES, None):
            try:
                return request()
            except _FAILURES as error:
                if pause is None or not is_transient(error) or time.monotonic() > give_up:
                    place = f"s3://{self.name}/{key} at {self.endpoint}"
                    raise explain(action, place, error) from error
                time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads retries, guards nothing
        raise AssertionError("the last attempt returns or raises")


def _found(answer: Object) -> Found:
    modified = float(int(answer.last_modified.timestamp())) if answer.last_modified else 0.0
    mark = (answer.metadata or {}).get(_MARK, "")
    return Found(answer.object_name or "", answer.size or 0, modified, str(mark))
