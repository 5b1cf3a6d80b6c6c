"""Open a store by its URL. Only this module loads the backends, each only when a URL needs it."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from fanfold_storage.errors import InvalidKey, Unsupported
from fanfold_storage.extras import to_install
from fanfold_storage.objects.protocol import Objects

if TYPE_CHECKING:  # a job on one machine keeps no records, and is ready sooner without them
    from fanfold_storage.records.protocol import Records


def open_objects(url: str, environ: Mapping[str, str] = os.environ) -> Objects:
    """The objects in a folder (`/data`, `data`, `file:///data`) or in an S3 bucket (`s3://bucket/prefix`).

    S3 is configured by AWS's own variables in `environ`: AWS_ENDPOINT_URL (the default is AWS itself),
    AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION. The server isn't contacted yet.

    Raises:
        InvalidKey: the URL is of an unknown kind.
        Unsupported: the backend's client is not installed.
    """
    scheme, rest = _split_scheme(url)
    if scheme in {"", "file"}:
        from fanfold_storage.objects.filesystem import FilesystemObjects

        path = Path(_path_of(url, rest) if scheme else url)
        if beneath := _without_links_beneath(path):
            return FilesystemObjects(Path(os.path.normpath(path.absolute())), beneath)
        return FilesystemObjects(path)
    if scheme == "s3":
        try:
            from fanfold_storage.objects.s3 import S3Objects
        except ModuleNotFoundError as error:
            raise _missing(url, "s3", error) from error
        bucket, _, prefix = rest.partition("/")
        return S3Objects(bucket, prefix, environ)
    raise InvalidKey(f"cannot open {url!r}: objects are in a folder (a path or file:///…) or in s3://bucket/prefix")


def session_credentials(environ: Mapping[str, str], places: Mapping[str, bool], seconds: int) -> dict[str, str]:
    """Credentials that are limited to some places in S3 and expire after `seconds`, as AWS's environment variables.

    Args:
        environ: AWS's variables, with credentials that may call AssumeRole.
        places: URLs of objects and of folders, which end with a slash; and whether each may be written, too.
        seconds: 900 or more; servers have an upper limit.

    Raises:
        InvalidKey: a URL can't be written into a policy, or there are too many.
        Unsupported: the S3 client isn't installed, or the server issues no such credentials.
        Unavailable: the server doesn't respond.
    """
    try:
        from fanfold_storage.objects import s3_sts
    except ModuleNotFoundError as error:
        raise _missing("s3://", "s3", error) from error
    return s3_sts.session_credentials(environ, places, seconds)


def keep_folder(url: str) -> None:
    """Make a folder on a disk that stays when its last file is deleted, since others may have mounted it."""
    from fanfold_storage.objects.filesystem import FilesystemObjects

    store = open_objects(url)
    if isinstance(store, FilesystemObjects):
        store.keep()


def without_links(objects: Objects) -> Objects:
    """The same store, beneath whose root no link is followed, by this process, from now on, whatever URL it opens.

    For a service: jobs of several users write below the root, so a link there may have been made by anybody, to lead
    the service to what its maker may not touch. Links above the root are the operator's, and followed.
    """
    if not objects.url.startswith("file:"):
        return objects
    _WITHOUT_LINKS.add(Path(_path_of(objects.url, _split_scheme(objects.url)[1])))
    return open_objects(objects.url)


_WITHOUT_LINKS: set[Path] = set()


def _without_links_beneath(path: Path) -> Path | None:
    place = Path(os.path.normpath(path.absolute()))
    return next((root for root in _WITHOUT_LINKS if place.is_relative_to(root)), None)


def lies_behind_link(url: str) -> bool:
    """Whether a folder's place is beneath a root whose links lead nowhere, and a link is on the way to it."""
    scheme, rest = _split_scheme(url)
    place = Path(os.path.normpath(_path_of(url, rest))) if scheme == "file" else None
    return bool(place and _without_links_beneath(place) and Path(os.path.realpath(place)) != place)


def open_records(url: str, environ: Mapping[str, str] = os.environ) -> "Records":
    """The records in a SQLite file (`sqlite:///data/records.db`) or in etcd (`etcd://host:2379,host:2379`).

    The variables of etcd's own client configure TLS: ETCDCTL_CACERT, ETCDCTL_CERT and ETCDCTL_KEY in `environ` name PEM
    files with the certificate authority, and with the client's certificate, which names its user, and key.

    Raises:
        InvalidKey: the URL is of an unknown kind, or a file that the variables name can't be read.
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
        return EtcdRecords(rest.strip("/,").split(","), environ)
    raise InvalidKey(f"cannot open {url!r}: records are in sqlite:///path or in etcd://host:port[,host:port…]")


def join_url(root: str, key: str) -> str:
    """The URL of `key` (which may end with a slash) in the store at the URL `root`.

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


def local_path(url: str) -> Path | None:
    """The file or folder on this machine that a URL names; None for what is in a bucket.

    >>> local_path("file:///data/my%20texts/"), local_path("s3://bucket/texts/")
    (PosixPath('/data/my texts'), None)
    """
    scheme, rest = _split_scheme(url)
    return Path(_path_of(url, rest)) if scheme == "file" else None


def _split_scheme(url: str) -> tuple[str, str]:
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", url, re.DOTALL)
    return (match[1].lower(), match[2]) if match else ("", url)


def _path_of(url: str, rest: str) -> str:
    path = unquote(rest.removeprefix("localhost"), errors="surrogateescape")
    if not path.startswith("/"):
        raise InvalidKey(f"{url!r} doesn't contain an absolute path: write three slashes, as in file:///data")
    return path


def _missing(url: str, extra: str, error: ModuleNotFoundError) -> Unsupported:
    return Unsupported(f"cannot open {url!r}: {error.name} is not installed. Run: {to_install(extra)}")
