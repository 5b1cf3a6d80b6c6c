"""Which version the records of users have, so that replicas of this version and the one before it can serve together.

    auth/schema   {version}   in which users are written; absent: 1

| version | a user |
|---|---|
| 1 | has no field `version`; the oldest ones have neither `id` nor `stamp` |
| 2 | has `version`, `id`, `stamp` and `groups` |

Every version of the service reads records of its own version, of the ones before, and of the next: it ignores fields
that it doesn't know, and keeps them when it changes a record. It writes the version that `auth/schema` says. A
transaction that writes a user expects that record as it was read, so once it is raised, nobody writes an older version
any more, not even a replica that was paused in between. `fanfold_auth.accounts.migration` raises it.

Version 1 is that of services that know nothing of versions, and stumble over fields that they don't know. So it is
written until an operator says that none of them is left; a new installation begins with the newest version.
"""

from dataclasses import dataclass

from fanfold_storage.records.protocol import Expect, Records, Write

SCHEMA = "auth/schema"
VERSION = 2  # the newest that this code knows
FIRST = 1


@dataclass(frozen=True, slots=True)
class Schema:
    """The version in which users are written, and the revision of the record that says so."""

    version: int
    revision: int

    @property
    def expectation(self) -> Expect:
        """That it is still so."""
        return Expect(SCHEMA, self.revision)

    @classmethod
    def read(cls, records: Records) -> "Schema":
        """As it is now."""
        record = records.get(SCHEMA)
        return cls(record.value["version"], record.revision) if record else cls(FIRST, 0)

    def raised(self, version: int = VERSION) -> Write:
        """What raises it."""
        return Write(SCHEMA, {"version": version})
