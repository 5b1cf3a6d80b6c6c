"""The closed set of errors that storage raises; every backend maps its own onto these, cause chained.

StorageError
├── NotFound          no such object, bucket or folder
├── PermissionDenied  it may be there, but not for us
├── InvalidKey        a key or URL that no store may hold; nothing was done
├── Unavailable       the server or disk did not answer: try again later
│   └── Unknown       a write that timed out: it may or may not have happened, read it back
├── Compacted         a watch or page asks for a revision that history no longer holds: start again from a scan
├── TooLarge          a record or transaction beyond what the store takes: make it smaller
└── Unsupported       this server cannot do what Fanfold needs
"""


class StorageError(Exception):
    """Anything that storage can raise."""


class NotFound(StorageError):
    """There is no such object, bucket or folder."""


class PermissionDenied(StorageError):
    """The store refused these credentials or this user."""


class InvalidKey(StorageError):
    """A key or URL that no store may hold; nothing was done."""


class Unavailable(StorageError):
    """The store did not answer, or answered that it cannot now. Trying again later may help."""


class Unknown(Unavailable):
    """A write timed out: it may or may not have happened. Read back before trying again."""


class Compacted(StorageError):
    """The revision asked for is no longer in the store's history: scan again and go on from there."""


class TooLarge(StorageError):
    """A record or a transaction is beyond what the store takes; nothing was done."""


class Unsupported(StorageError):
    """The server lacks something that Fanfold relies on."""
