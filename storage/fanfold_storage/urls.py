"""Open a store by its URL; the backend's module is loaded only here, only when asked for."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, unquote

from fanfold_storage.errors import InvalidKey, Unsupported
from fanfold_storage.extras import to_install
from fanfold_storage.objects.protocol import Objects
from fanfold_storage.records.protocol import Records


def open_objects(url: str, environ: Mapping[str, str] = os.environ) -> Objects:
    """The objects in a folder (`/data`, `data`, `file:///data`) or in an S3 bucket (`s3://bucket/prefix`).

    S3 takes AWS's own variables from `environ`: AWS_ENDPOINT_URL (without it, AWS itself), AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION. Nothing is asked of the server yet.

    Raises:
        InvalidKey: a URL of no known kind.
        Unsupported: the backend's client is not installed.
    """
    scheme, rest = _split_scheme(url)
    if scheme in {"", "file"}:
        from fanfold_storage.objects.filesystem import FilesystemObjects

        return FilesystemObjects(Path(_path_of(url, rest) if scheme else url))
    if scheme == "s3":
        try:
            from fanfold_storage.objects.s3 import S3Objects
        except ModuleNotFoundError as error:
            raise _missing(url, "s3", error) from error
        bucket, _, prefix = rest.partition("/")
        return S3Objects(bucket, prefix, environ)
    raise InvalidKey(f"cannot open {url!r}: objects lie in a folder (a path or file:///…) or in s3://bucket/prefix")


def open_records(url: str) -> Records:
    """The records in a SQLite file (`sqlite:///data/records.db`) or in etcd (`etcd://host:2379,host:2379`).

    Raises:
        InvalidKey: a URL of no known kind.
        Unsupported: the backend's client is not installed.
    """
    scheme, rest = _split_scheme(url)
    if scheme == "sqlite":
        from fanfold_storage.records.sqlite import SqliteRecords

        return SqliteRecords(Path(_path_of(url, rest)))
    if scheme == "etcd" and rest.strip("/,"):
        try:
            from fanfold_storage.records.etcd import EtcdRecords
        except ModuleNotFoundError as error:
            raise _missing(url, "etcd", error) from error
        return EtcdRecords(rest.strip("/,").split(","))
    raise InvalidKey(f"cannot open {url!r}: records lie in sqlite:///path or in etcd://host:port[,host:port…]")


def join_url(root: str, key: str) -> str:
    """The URL of what lies under `key` (which may end with a slash) in the store that `root` opens.

    >>> join_url("file:///data/", "my texts/a.txt"), join_url("s3://bucket/p", "a b")
    ('file:///data/my%20texts/a.txt', 's3://bucket/p/a b')
    """
    name = quote(os.fsencode(key)) if root.startswith("file:") else key
    return f"{root.rstrip('/')}/{name}"


def split_url(url: str) -> tuple[str, str]:
    """The store that holds an object's URL, ending with a slash, and the object's key there.

    >>> split_url("file:///data/my%20texts/a%20b.txt")
    ('file:///data/my%20texts/', 'a b.txt')
    """
    folder, _, name = url.rpartition("/")
    return f"{folder}/", unquote(name, errors="surrogateescape") if url.startswith("file:") else name


def _split_scheme(url: str) -> tuple[str, str]:
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", url, re.DOTALL)
    return (match[1].lower(), match[2]) if match else ("", url)


def _path_of(url: str, rest: str) -> str:
    path = unquote(rest.removeprefix("localhost"), errors="surrogateescape")
    if not path.startswith("/"):
        raise InvalidKey(f"{url!r} names no absolute path: write three slashes, as in file:///data")
    return path


def _missing(url: str, extra: str, error: ModuleNotFoundError) -> Unsupported:
    return Unsupported(f"cannot open {url!r}: {error.name} is not installed. Run: {to_install(extra)}")
