"""Folders of users in the shared area: `@shared/NAME/` is readable by all, and writable by the user of that name.

    submit/shared/NAME   {owner}   the id of the user whose folder it is

Names are free again once a user is removed, ids never are. So the first one who writes to a folder has it until it is
empty, and a namesake can't change what people read there in the other's name. A folder that an administrator has filled
belongs to nobody.
"""

from fanfold_storage.objects import Objects
from fanfold_storage.records import Conflict, Expect, Records, Write, scan_all
from fanfold_submit.principal import Principal
from fanfold_submit.storing.accounts import SHARED_FILES
from fanfold_web.refusals import Contended, Forbidden

FOLDERS = "submit/shared/"
_TRIES = 5


class SharedFolders:
    """Whose the folders are. Methods may raise StorageError."""

    def __init__(self, records: Records, objects: Objects) -> None:
        self._records, self._objects = records, objects

    def claim(self, user: Principal) -> None:
        """See that the folder with the user's name is theirs. Raises Forbidden, Contended."""
        key = FOLDERS + user.name
        for _ in range(_TRIES):
            record = self._records.get(key)
            if record and record.value["owner"] == user.id:
                return
            if next(self._objects.list(shared_prefix(user.name)), None):
                raise Forbidden(
                    f"@shared/{user.name}/ holds files of somebody else, such as an earlier user of that name. Ask an "
                    "administrator to remove them."
                )
            expected = Expect.as_read(key, record)
            if not isinstance(self._records.transact([expected], [Write(key, {"owner": user.id})]), Conflict):
                return
        raise Contended

    def owner_of(self, name: str) -> str | None:
        """The id of the user whose the folder with a name is; None: it is nobody's."""
        record = self._records.get(FOLDERS + name)
        return str(record.value["owner"]) if record else None

    def of(self, owner_id: str) -> list[str]:
        """The names under which a user has a folder."""
        records = scan_all(self._records, FOLDERS).records
        return [record.key.removeprefix(FOLDERS) for record in records if record.value["owner"] == owner_id]

    def forget(self, name: str) -> None:
        """Let the folder be anybody's again."""
        self._records.transact([], [Write(FOLDERS + name, None)])


def shared_prefix(name: str) -> str:
    """How the keys of the files in a user's shared folder begin."""
    return f"{SHARED_FILES}{name}/"
