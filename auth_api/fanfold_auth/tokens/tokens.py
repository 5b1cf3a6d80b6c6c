"""Issues access tokens and verifies them. `fanfold_web.tokens.access_tokens` lists their claims."""

import secrets
import time
from collections.abc import Callable
from math import inf

import jwt

from fanfold_auth.accounts.users import User
from fanfold_auth.keys.keys import Keys
from fanfold_auth.settings import Settings
from fanfold_web.tokens.access_tokens import ALGORITHM, TYPE, Claims, Verifier
from fanfold_web.tokens.authorization import FIRST_PARTY

_jws = jwt.PyJWS()


class Tokens:
    """The access tokens of one service."""

    def __init__(self, settings: Settings, keys: Keys, now: Callable[[], float] = time.time) -> None:
        self._settings, self._keys, self._now = settings, keys, now
        self.verify = Verifier(settings.issuer, settings.audience, keys.verifying, now).verify

    def issue(
        self,
        user: User,
        audience: str | None = None,
        *,
        client: str = FIRST_PARTY,
        stamp: str | None = None,
        via: str = "",
        until: float = inf,
    ) -> str:
        """A token for a user who has just proved who they are; for the services unless for another audience.

        It ends with `stamp`, by default the user's own. What an API token is exchanged for ends with it, too: it bears
        its stamp as `via`, and lasts no longer.
        """
        kid, key = self._keys.signing()
        now, audience = int(self._now()), audience or self._settings.audience
        claims = Claims(
            iss=self._settings.issuer, aud=audience, sub=user.id, preferred_username=user.name,
            client_id=client, roles=list(user.roles), groups=user.claimed_groups, stamp=stamp or user.stamp,
            iat=now, nbf=now, exp=now + self.seconds(until), jti=secrets.token_urlsafe(16), via=via,
        )  # fmt: skip
        payload = claims.model_dump_json(exclude_defaults=True).encode()
        return _jws.encode(payload, key, ALGORITHM, {"typ": TYPE, "kid": kid})

    def seconds(self, until: float = inf) -> int:
        """How long a token issued now is valid, which must not be longer than until some moment."""
        return max(1, int(min(self._settings.token_seconds, until - self._now())))
