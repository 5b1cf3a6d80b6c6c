"""Brings the records of users to the newest version, while the service serves (`fanfold_auth.accounts.schema`).

    auth/migration   {version, after}   how far it has got: up to which key; once it is done, `after` is null

First it raises the version that replicas write; from that moment on nobody writes an older one. Then it rewrites users
one by one, each by compare-and-set, so it never undoes what a request changes meanwhile. It goes through them in pages
and writes down after each how far it has got. Killed at any point, it goes on from there when it is started again;
several at once do the same work twice, and no harm.
"""

from collections.abc import Callable

from fanfold_auth.accounts.schema import VERSION, Schema
from fanfold_auth.accounts.users import USERS, Users
from fanfold_storage.records.protocol import Conflict, Records, Write
from fanfold_web.command import CannotServe
from fanfold_web.refusals import Contended

MIGRATION = "auth/migration"
AT_ONCE = 50  # users read together
_TRIES = 50


def migrate(records: Records, users: Users, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Rewrite all users that are of an older version; returns how many. Raises Contended, StorageError.

    Only once no replica is left that knows nothing of versions.
    """
    _raise_version(records)
    progress = records.get(MIGRATION)
    begun = progress.value if progress and progress.value["version"] == VERSION else {"after": ""}
    after, count = begun["after"], 0
    while after is not None and not is_stopping():
        page = records.scan(USERS, after=after, limit=AT_ONCE)
        count += sum(users.rewrite(record.key.removeprefix(USERS)) for record in page.records)
        after = page.records[-1].key if page.more else None
        records.transact([], [Write(MIGRATION, {"version": VERSION, "after": after})])
    return count


def pending(records: Records) -> bool:
    """Whether users are stored in an older version than this one. Raises CannotServe: in one that is too new for it."""
    version = Schema.read(records).version
    if version > VERSION + 1:
        raise CannotServe(
            f"Users are stored in version {version}, and this service reads at most {VERSION + 1}. Start a newer one."
        )
    return version < VERSION and bool(records.scan(USERS, limit=1).records)


def _raise_version(records: Records) -> None:
    for _ in range(_TRIES):
        schema = Schema.read(records)
        if schema.version >= VERSION:
            return
        if not isinstance(records.transact([schema.expectation], [schema.raised()]), Conflict):
            return
    raise Contended
