"""One delegation for each user who submits jobs for a team, kept so that somebody can be asked later who they are now.

    submit/standing/OWNER   {delegation, by_script}

OWNER is a user's id. A job of a team may wait for hours, and reach the team's files long after its owner's token has
expired. What it is dispatched with must follow from its owner's groups at that moment, not from those of its
submission. The first job for a team leaves the delegation with the service, and the others use it. Like those of
schedules it says who its user is now, and opens nothing.
"""

import time
from contextlib import suppress

from fanfold_storage.records import Conflict, Expect, Records, Write
from fanfold_submit.principal import Principal
from fanfold_submit.refusals import AuthAway, DelegationEnded
from fanfold_submit.tokens.delegations import Delegations
from fanfold_web.tokens.authorization import TEAM_JOBS

STANDING = "submit/standing/"
PAUSE = 2.0  # seconds until an auth service that was away is asked again


class StandingDelegations:
    """The delegations that are kept. Methods may raise StorageError."""

    def __init__(self, records: Records, delegations: Delegations) -> None:
        self._records, self._delegations = records, delegations
        self._is_away, self._ask_again = False, 0.0

    def keep(self, user: Principal, team: str | None, access_token: str) -> None:
        """See that there is one of a user who asks for something for a team of theirs, with this access token.

        Nothing is kept of others, whom nobody asks about later. One that was made with an API token ends with it, so
        the first request of the user in person replaces it. Raises AuthAway, NoDelegations.
        """
        if team not in user.teams:
            return
        record = self._records.get(STANDING + user.id)
        if record and (user.is_script or not record.value.get("by_script")):
            return
        delegation = self._delegations.obtain(access_token, TEAM_JOBS)
        expected = Expect.as_read(STANDING + user.id, record)
        stored = Write(expected.key, {"delegation": delegation, "by_script": user.is_script})
        if isinstance(self._records.transact([expected], [stored]), Conflict):
            self._revoke(delegation)  # another request of the user was faster
        elif record:
            self._revoke(record.value["delegation"])

    def now(self, owner_id: str) -> Principal:
        """The user with the roles and groups of this moment. Raises DelegationEnded, AuthAway."""
        record = self._records.get(STANDING + owner_id)
        if record is None:
            raise DelegationEnded(
                "No delegation of theirs is left; submitting or retrying a job for the team makes one."
            )
        try:
            return self._redeem(record.value["delegation"])
        except DelegationEnded:
            self._records.transact([Expect(record.key, record.revision)], [Write(record.key, None)])
            raise

    def _redeem(self, delegation: str) -> Principal:
        """Exchange a delegation. While auth is away one thread at a time waits for it, so others do their work."""
        if self._is_away:
            if time.monotonic() < self._ask_again:
                raise AuthAway
            self._ask_again = time.monotonic() + PAUSE
        try:
            user = self._delegations.redeem(delegation)
            self._is_away = False
        except DelegationEnded:
            self._is_away = False
            raise
        except AuthAway:
            self._is_away, self._ask_again = True, time.monotonic() + PAUSE
            raise
        return user

    def forget(self, owner_id: str) -> None:
        """End the delegation of a user who was removed."""
        if record := self._records.get(STANDING + owner_id):
            self._records.transact([Expect(record.key, record.revision)], [Write(record.key, None)])
            self._revoke(record.value["delegation"])

    def _revoke(self, delegation: str) -> None:
        """End a delegation that nobody holds any more. If auth doesn't answer, it stays, and is of no use."""
        with suppress(AuthAway):
            self._delegations.revoke(delegation)
