"""The parts of one auth service, wired together once."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from fanfold_auth.errors import WrongPassword
from fanfold_auth.keys import Keys
from fanfold_auth.passwords import Hashing
from fanfold_auth.refresh import Refreshes
from fanfold_auth.settings import Settings
from fanfold_auth.throttle import Throttle
from fanfold_auth.tokens import Tokens
from fanfold_auth.users import User, Users
from fanfold_storage.records.protocol import Records
from fanfold_web.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Service:
    """Everything that the routes need."""

    settings: Settings
    users: Users
    hashing: Hashing
    keys: Keys
    tokens: Tokens
    refreshes: Refreshes
    throttle: Throttle
    metrics: Metrics = field(default_factory=lambda: Metrics("auth"))

    def check_password(self, name: str, password: str, source: str) -> User:
        """The user, if name and password belong together. Raises WrongPassword, Throttled, Busy.

        The place in the queue comes first, so a flood of invented names writes no faster than a core hashes.
        """
        with self.hashing.turn() as argon:
            attempt = self.throttle.reserve(name, source)
            user = self.users.find(name)
            active = user if user and not user.disabled else None
            if not argon.matches(active.password if active else None, password) or active is None:
                raise WrongPassword
        self.throttle.refund(attempt)
        return active


def wire(settings: Settings, records: Records, now: Callable[[], float] = time.time) -> Service:
    """Build the parts. Raises BadSetting when the KEK file cannot be read."""
    hashing = Hashing(settings.hash_cost)
    users = Users(records, hashing, now)
    keys = Keys(settings, records, now)
    tokens = Tokens(settings, keys, now)
    return Service(
        settings, users, hashing, keys, tokens, Refreshes(settings, records, users, now), Throttle(records, now)
    )
