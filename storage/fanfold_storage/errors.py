"""The closed set of errors that storage raises. Every backend maps its own errors to these, and chains the cause.

StorageError
├── NotFound          no such object, bucket or folder
├── PermissionDenied  it may exist, but we have no access
├── InvalidKey        a key or URL that no store can hold; nothing was done
├── Unavailable       the server or disk didn't respond: try again later
│   └── Unknown       a write timed out and may or may not have happened: read it back
├── Compacted         a watch or page needs a revision that is no longer in the history: start over with a scan
├── TooLarge          a record or transaction exceeds the store's limits: make it smaller
└── Unsupported       the server lacks something that Fanfold needs
"""

_ESCAPED = {code: repr(chr(code))[1:-1] for code in (*range(0x20), *range(0x7F, 0xA0))}


def printable(text: str) -> str:
    r"""A text with its control characters escaped, for names that others chose.

    >>> printable("file:///a\nb/\x1b[31m")
    'file:///a\\nb/\\x1b[31m'
    """
    return text.translate(_ESCAPED)


class StorageError(Exception):
    """Any error that storage raises. Its text has no control characters."""

    def __init__(self, text: str = "") -> None:
        super().__init__(printable(text))


class NotFound(StorageError):
    """There is no such object, bucket or folder."""


class PermissionDenied(StorageError):
    """The store refused these credentials or this user."""


class InvalidKey(StorageError):
    """A key or URL that no store can hold; nothing was done."""


class Unavailable(StorageError):
    """The store didn't respond, or can't serve the request now. Trying again later may help."""


class Unknown(Unavailable):
    """A write timed out, so it may or may not have happened. Read it back before trying again."""


class Compacted(StorageError):
    """The requested revision is no longer in the store's history: scan again and continue from there."""


class TooLarge(StorageError):
    """A record or a transaction exceeds the store's limits; nothing was done."""


class Unsupported(StorageError):
    """The server lacks something that Fanfold relies on."""
