"""The parts of the provider, wired together once."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from fanfold_auth.accounts.users import User
from fanfold_auth.keys.keys import Keys
from fanfold_auth.keys.sealing import derive
from fanfold_auth.openid.clients import Clients
from fanfold_auth.openid.codes import Codes
from fanfold_auth.openid.devices import Devices
from fanfold_auth.openid.id_tokens import IdTokens
from fanfold_auth.openid.requests import Requests
from fanfold_auth.settings import Settings
from fanfold_auth.tokens.sessions import Session, Sessions
from fanfold_storage.records.protocol import Records
from fanfold_web.refusals import Unauthenticated
from fanfold_web.tokens.access_tokens import Verifier


@dataclass(frozen=True, slots=True)
class Provider:
    """Everything that the provider's routes need."""

    clients: Clients
    requests: Requests
    codes: Codes
    devices: Devices
    id_tokens: IdTokens
    sessions: Sessions
    verifier: Verifier
    forms_key: bytes

    def reader_of_claims(self, access_token: str) -> tuple[Session, User]:
        """The session for which an access token was issued, and its user as stored now. Raises Unauthenticated."""
        claims = self.verifier.verify(access_token)
        session = self.sessions.find(claims.sub, claims.stamp)
        user = self.sessions.user_of(session) if session else None
        if session is None or user is None:
            raise Unauthenticated("The access token has ended: its session is over. Log in again.", token_sent=True)
        if not self.clients.knows(session.client, session.client_stamp):
            raise Unauthenticated("The access token has ended: its application was removed.", token_sent=True)
        return session, user


def userinfo_audience(audience: str) -> str:
    """The `aud` of the tokens that clients get; only `/userinfo` accepts it.

    >>> userinfo_audience("fanfold")
    'fanfold/userinfo'
    """
    return f"{audience}/userinfo"


def wire(
    settings: Settings,
    records: Records,
    keys: Keys,
    sessions: Sessions,
    kek: bytes,
    now: Callable[[], float] = time.time,
) -> Provider:
    """Build the parts over a store of records."""
    clients, id_tokens = Clients(records, now), IdTokens(settings, keys, now)
    return Provider(
        clients=clients,
        requests=Requests(derive(kek, "fanfold authorization requests"), clients, id_tokens.subject, now),
        codes=Codes(records, sessions, settings, now),
        devices=Devices(records, sessions, now),
        id_tokens=id_tokens,
        sessions=sessions,
        verifier=Verifier(settings.issuer, userinfo_audience(settings.audience), keys.verifying, now),
        forms_key=derive(kek, "fanfold forms of browsers"),
    )
