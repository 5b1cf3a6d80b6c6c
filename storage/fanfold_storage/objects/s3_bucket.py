"""The requests to one S3 bucket, through the `minio` client: with retries, and with Fanfold's errors.

Only this module and `s3_errors` know the client. Its public methods don't support `If-None-Match` or multipart uploads
across processes, so private ones are used, and the version is pinned. They modify the headers that are passed, so each
attempt passes new ones. Like the client, a bucket must not be shared across a fork.
"""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import SystemRandom
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
class Head:
    """The head of an object; times are in whole seconds, as in responses to HEAD requests."""

    key: str
    size: int
    modified: float
    mark: str = ""
    etag: str = ""


class S3Bucket:
    """A bucket on the server that AWS's variables in `environ` name."""

    def __init__(self, name: str, environ: Mapping[str, str]) -> None:
        self.name = name
        self.endpoint = endpoint_of(environ) or _AWS
        address = urlsplit(self.endpoint)
        http = PoolManager(
            timeout=Timeout(connect=_CONNECT_TIMEOUT, read=_READ_TIMEOUT),
            maxsize=_CONNECTIONS,
            ca_certs=environ.get("AWS_CA_BUNDLE") or certifi.where(),
            retries=False,
        )
        # Without a region, the client asks for each bucket's region, to which only AWS need respond.
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
        """The response whose body is the range; with `etag`, only if the object is still this version.

        Raises OutOfRange: the object ends before `start`.
        """

        def request() -> BaseHTTPResponse:
            headers: _Fields = {"If-Match": etag} if etag else {}
            if start or stop is not None:
                headers["Range"] = f"bytes={start}-{'' if stop is None else stop - 1}"
            return self._client.get_object(self.name, key, request_headers=headers)

        response = self._try("read", key, request)
        if (start or stop is not None) and response.status != 206:
            response.close()
            raise Unsupported(f"{self.endpoint} doesn't support Range requests, which Fanfold needs")
        return response

    def head(self, key: str) -> Head:
        """The head of an object. Raises NotFound."""
        return _head_of(self._try("look up", key, lambda: self._client.stat_object(self.name, key)))

    def put(self, key: str, data: bytes) -> None:
        """Write an object in one request."""
        self._try("write", key, lambda: self._client._put_object(self.name, key, data))

    def create(self, key: str, data: bytes) -> bool:
        """Write an object unless it exists; returns whether it was written."""
        mark = uuid.uuid4().hex
        attempts = 0

        def request() -> None:
            nonlocal attempts
            attempts += 1
            self._client._put_object(self.name, key, data, {"If-None-Match": "*", _MARK: mark})

        try:
            self._try("write", key, request)
        except Taken:
            # If the response to an earlier attempt was lost, it may have been our own write.
            return attempts > 1 and self._bears(key, mark)
        return True

    def _bears(self, key: str, mark: str) -> bool:
        try:
            return self.head(key).mark == mark
        except NotFound:  # it was just deleted
            return False

    def delete(self, key: str) -> None:
        """Remove an object, if it exists."""
        self._try("delete", key, lambda: self._client.remove_object(self.name, key))

    def begin_upload(self, key: str) -> str:
        """Begin a multipart upload; returns its id."""
        return self._try("write", key, lambda: self._client._create_multipart_upload(self.name, key, {}))

    def upload_part(self, key: str, upload: str, number: int, data: bytes) -> str:
        """Upload a part, numbered from 1; returns its ETag."""
        return self._try("write", key, lambda: self._client._upload_part(self.name, key, data, None, upload, number))

    def complete_upload(self, key: str, upload: str, etags: Sequence[str]) -> None:
        """Make the object from its parts. Raises NoSuchUpload."""
        parts = [Part(number, etag) for number, etag in enumerate(etags, 1)]

        def request() -> None:
            result = self._client._complete_multipart_upload(self.name, key, upload, parts)
            if not result.etag:  # the only request that may fail with status 200
                raise ServerError("the server could not assemble the parts", 500)

        self._try("complete", key, request)

    def abort_upload(self, key: str, upload: str) -> None:
        """Discard an upload and its parts, if they still exist."""
        try:
            self._try("discard", key, lambda: self._client._abort_multipart_upload(self.name, key, upload))
        except NoSuchUpload:
            return

    def uploads(self, prefix: str) -> list[tuple[str, str]]:
        """Key and id of up to 1,000 multipart uploads under the prefix."""
        listing = self._try("list", prefix, lambda: self._client._list_multipart_uploads(self.name, prefix=prefix))
        uploads = [(upload.object_name, upload.upload_id or "") for upload in listing.uploads]
        return [(key, upload) for key, upload in uploads if key.startswith(prefix)]

    def pages(self, prefix: str) -> Iterator[tuple[list[Head], str]]:
        """Pages of up to 1,000 objects under the prefix, in the server's order, each with the server's name."""
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
            heads = [_head_of(listed) for listed in objects]
            yield [head for head in heads if not head.key.endswith("/")], server  # NAME/ is another program's folder

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
                time.sleep(pause * SystemRandom().uniform(0.5, 1.5))
        raise AssertionError("the last attempt returns or raises")


def endpoint_of(environ: Mapping[str, str]) -> str | None:
    """The server that AWS_ENDPOINT_URL names; None means AWS. Raises InvalidKey."""
    endpoint = environ.get("AWS_ENDPOINT_URL") or None
    address = urlsplit(endpoint or _AWS)
    if address.scheme not in {"http", "https"} or not address.netloc or address.path.strip("/"):
        raise InvalidKey(f"AWS_ENDPOINT_URL must be http(s)://host[:port], not {endpoint!r}")
    return endpoint


def _head_of(response: Object) -> Head:
    modified = float(int(response.last_modified.timestamp())) if response.last_modified else 0.0
    mark, etag = (response.metadata or {}).get(_MARK, ""), (response.etag or "").strip('"')
    return Head(response.object_name or "", response.size or 0, modified, str(mark), etag)
