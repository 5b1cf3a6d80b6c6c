"""Groups: who is in which, as admins say. A user's record lists their groups; here is the way back.

    auth/groups/GROUP/NAME   {}   NAME is in GROUP

`fanfold_auth.accounts.users` writes these records in the transaction that changes the user. A group is there as long
as somebody is in it. A token's claim `groups` has the user's roles and groups, so no group is named as a role is.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from fanfold_storage.records.protocol import Records, Write

GROUPS = "auth/groups/"
MOST_GROUPS = 20  # of one user: all of their names are in every token
MOST_MEMBERS = 1000  # that are counted, or listed


@dataclass(frozen=True, slots=True)
class Group:
    """A group, and how many users are in it; MOST_MEMBERS stands for that many or more."""

    name: str
    members: int


def changes(name: str, before: Iterable[str], after: Iterable[str]) -> list[Write]:
    """What a transaction writes that changes a user's groups."""
    left, joined = {*before} - {*after}, {*after} - {*before}
    return [Write(_key(group, name), None) for group in sorted(left)] + [
        Write(_key(group, name), {}) for group in sorted(joined)
    ]


class Groups:
    """The groups in a store of records."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def page(self, after: str = "", limit: int = 100) -> tuple[list[Group], str | None]:
        """At most `limit` groups by name, those after the name `after`; and what continues the list."""
        found: list[Group] = []
        while len(found) < limit:
            page = self._records.scan(GROUPS, after=_last_key(after) if after else "", limit=1)
            if not page.records:
                return found, None
            after = page.records[0].key.removeprefix(GROUPS).partition("/")[0]
            found.append(Group(after, len(self.members(after))))
        more = self._records.scan(GROUPS, after=_last_key(after), limit=1).records
        return found, after if more else None

    def members(self, group: str) -> list[str]:
        """The names of a group's members, at most MOST_MEMBERS; empty: there is no such group."""
        page = self._records.scan(_key(group, ""), limit=MOST_MEMBERS)
        return [record.key.rpartition("/")[2] for record in page.records]


def _key(group: str, name: str) -> str:
    return f"{GROUPS}{group}/{name}"


def _last_key(group: str) -> str:
    """A key that comes after all members of a group, and before the next group: `~` is in no name, and sorts last."""
    return _key(group, "~")
