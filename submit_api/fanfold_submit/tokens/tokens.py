"""Verifies access tokens (`fanfold_web.tokens.access_tokens`) with the keys and stamps that auth publishes."""

import time
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from fanfold_submit.principal import ROLES, Principal
from fanfold_submit.refusals import AuthAway
from fanfold_submit.settings import Settings
from fanfold_submit.tokens.keys import Keys, KeysAway
from fanfold_web.tokens.access_tokens import Claims, Verifier, invalid_token


class Tokens:
    """Verifies the access tokens of one auth service."""

    def __init__(self, settings: Settings, now: Callable[[], float] = time.time) -> None:
        self.keys = Keys(settings.jwks_url)
        self._verifier = Verifier(settings.issuer, settings.audience, self._key, now)

    def verify(self, token: str) -> Principal:
        """The user that a token names. Raises Unauthenticated, or AuthAway if there are no keys to verify it with."""
        return self._principal(self._verifier.verify(token))

    def recall(self, token: str) -> Principal | None:
        """Like `verify`, without ever waiting: None if only `verify` can say, such as for a token that is new here."""
        claims = self._verifier.recall(token, self.keys.known)
        return self._principal(claims) if claims else None

    def _principal(self, claims: Claims) -> Principal:
        if self.keys.has_ended(claims.stamp):
            raise invalid_token("its user was disabled or removed, or the user's password or roles have changed")
        if claims.via and self.keys.has_ended(claims.via):
            raise invalid_token("the API token that it was exchanged for was revoked")
        return principal_of(claims)

    def _key(self, kid: str) -> RSAPublicKey | None:
        try:
            return self.keys.find(kid)
        except KeysAway:
            raise AuthAway from None


def principal_of(claims: Claims) -> Principal:
    """The user that a token's claims describe."""
    roles = tuple(role for role in ROLES if role in claims.roles)
    return Principal(claims.sub, claims.preferred_username, roles, tuple(claims.groups), is_script=bool(claims.via))
