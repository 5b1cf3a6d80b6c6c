"""The parts of the service, wired together once."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from fanfold_auth.accounts.groups import Groups
from fanfold_auth.accounts.passwords import Hashing
from fanfold_auth.accounts.throttle import Attempt, Throttle
from fanfold_auth.accounts.users import User, Users
from fanfold_auth.keys.keys import Keys
from fanfold_auth.keys.sealing import derive, read_kek
from fanfold_auth.openid import provider
from fanfold_auth.openid.provider import Provider
from fanfold_auth.refusals import WrongPassword
from fanfold_auth.settings import Settings
from fanfold_auth.tokens.api_tokens import ApiTokens
from fanfold_auth.tokens.delegations import Delegations
from fanfold_auth.tokens.ended import EndedTokens
from fanfold_auth.tokens.opaque import new_name
from fanfold_auth.tokens.refresh import Refreshes
from fanfold_auth.tokens.sessions import Session, Sessions, Source
from fanfold_auth.tokens.tokens import Tokens
from fanfold_storage.records.protocol import Records, Write
from fanfold_web.metrics import Metrics
from fanfold_web.readiness import WriteProbe


@dataclass(frozen=True, slots=True)
class Service:
    """Everything that the routes need."""

    settings: Settings
    users: Users
    groups: Groups
    hashing: Hashing
    keys: Keys
    tokens: Tokens
    ended: EndedTokens
    refreshes: Refreshes
    sessions: Sessions
    delegations: Delegations
    api_tokens: ApiTokens
    throttle: Throttle
    openid: Provider
    record_writes: WriteProbe
    now: Callable[[], float]
    metrics: Metrics = field(default_factory=lambda: Metrics("auth"))

    def check_password(self, name: str, password: str, source: str) -> User:
        """The user, if name and password match. Raises WrongPassword, Throttled, Busy."""
        user, attempt = self._proven(name, password, source)
        self.throttle.refund(attempt)
        return user

    def log_in(self, name: str, password: str, source: Source) -> tuple[User, str]:
        """The user, if name and password match, and the first refresh token of a login of the command.

        The login is stored in the transaction that takes the attempt back. Raises WrongPassword, Throttled, Busy.
        """
        user, attempt = self._proven(name, password, source.address)
        begun = self.refreshes.begin(user, new_name(), source)
        self.throttle.refund(attempt, begun.writes)
        return user, begun.token

    def _proven(self, name: str, password: str, source: str) -> tuple[User, Attempt]:
        """The user, if name and password match, and the attempt, which is still counted.

        The turn to hash is taken first, so a flood of invented names writes records no faster than a core can hash.
        """
        with self.hashing.turn() as argon:
            attempt = self.throttle.reserve(name, password, source)
            user = self.users.find(name)
            active = user if user and not user.disabled else None
            if not argon.matches(active.password if active else None, password) or active is None:
                raise WrongPassword
        return active, attempt

    def end_session(self, session: Session) -> None:
        """End a session, its refresh tokens and its access tokens; for the services, all access tokens of the user."""
        self.sessions.drop(session)
        user = self.sessions.user_of(session)
        if session.kind == "command" and user:
            self.users.end_access_tokens(user.name)


def wire(
    settings: Settings, records: Records, now: Callable[[], float] = time.time, hashing: Hashing | None = None
) -> Service:
    """Build the parts over a store of records. Raises BadSetting if the KEK file cannot be read."""
    hashing = hashing or Hashing()
    users = Users(records, hashing, now, settings.token_seconds)
    keys = Keys(settings, records, now)
    sessions = Sessions(records, users, now)
    kek = read_kek(settings.kek_file)
    api_tokens = ApiTokens(records, users, now)
    return Service(
        settings=settings,
        users=users,
        groups=Groups(records),
        hashing=hashing,
        keys=keys,
        tokens=Tokens(settings, keys, now),
        ended=EndedTokens(records, now),
        refreshes=Refreshes(settings, records, users, sessions, now),
        sessions=sessions,
        delegations=Delegations(records, users, api_tokens, now),
        api_tokens=api_tokens,
        throttle=Throttle(records, derive(kek, "fanfold attempts by password"), now),
        openid=provider.wire(settings, records, keys, sessions, kek, now),
        record_writes=WriteProbe(lambda: records.transact([], [Write("auth/written", {"at": now()})])),
        now=now,
    )
