"""Authorization codes: valid for a minute, once.

    auth/codes/ID   {hash, client, redirect_uri, user_id, browser, …}; expires after the tokens that it was used for

A code is `ID.SECRET`, 128 and 256 random bits; only its SHA-256 is stored. Using it is one compare-and-set on its
record, in the transaction that writes the session that it begins; so of two requests at the same moment one is refused,
and finds the other one's session to end. The record is kept until the tokens have ended. Whoever sends the code a
second time may have stolen it, or the first one had: then those tokens end (RFC 6749 §4.1.2).

Nothing that fails for another reason uses the code up: a wrong secret, redirect URI or verifier. A client that finds
out how to send its secret, as Argo's server does, sends the same code twice, by HTTP's Basic authentication and then in
the form. If the first response was lost, the second request, by another method and within ten seconds, is refused but
not taken for a theft.
"""

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

from fanfold_auth.accounts.users import User
from fanfold_auth.openid.clients import Client
from fanfold_auth.openid.requests import AuthorizationRequest
from fanfold_auth.refusals import InvalidGrant
from fanfold_auth.settings import Settings
from fanfold_auth.stored import kept, known
from fanfold_auth.tokens.opaque import hashed, matches, mint, name_in, new_name
from fanfold_auth.tokens.sessions import Permission, Session, Sessions
from fanfold_storage.errors import Unknown
from fanfold_storage.records.protocol import Conflict, Expect, Record, Records, Value, Write
from fanfold_web.refusals import Contended
from fanfold_web.tokens.authorization import FIRST_PARTY, SKEW

CODES = "auth/codes/"
SECONDS = 60.0
PROBE_SECONDS = 10.0  # within which a client tries the other way to send its secret
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


@dataclass(frozen=True, slots=True)
class Code:
    """What a user has granted a client, from the login page to the token request."""

    hash: str
    client: str
    redirect_uri: str
    user_id: str
    browser: str
    """The session of the browser in which the user has logged in."""
    auth_time: float
    expires: float
    scopes: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    nonce: str | None = None
    challenge: str | None = None
    used: float = 0.0
    """When it was used; 0: it wasn't yet."""
    method: str = ""
    """How the client that used it sent its secret."""
    family: str = ""
    """The refresh family that began with it; it names the session, too (`sessions.session_of`)."""
    client_stamp: str = ""

    @property
    def permission(self) -> Permission:
        """What the client may do."""
        return Permission(self.client, self.client_stamp, self.scopes, self.claims)


@dataclass(frozen=True, slots=True)
class Redemption:
    """A request to use a code."""

    code: str
    client: Client
    method: str
    redirect_uri: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Redeemable:
    """A code that was checked and can be used, and the user as stored now."""

    code: Code
    user: User
    record: Record
    redemption: Redemption


class Codes:
    """The codes in a store of records."""

    def __init__(
        self, records: Records, sessions: Sessions, settings: Settings, now: Callable[[], float] = time.time
    ) -> None:
        self._records, self._sessions, self._settings, self._now = records, sessions, settings, now

    def issue(self, request: AuthorizationRequest, session: Session) -> str:
        """A code for a client, for whoever has logged in."""
        name = new_name()
        token = mint(name)
        code = Code(
            hash=hashed(token),
            client=request.client_id,
            redirect_uri=request.redirect_uri,
            user_id=session.user_id,
            browser=session.id,
            auth_time=session.created,
            expires=self._now() + SECONDS,
            scopes=request.scopes,
            claims=request.claims,
            nonce=request.nonce,
            challenge=request.challenge,
            client_stamp=request.client_stamp,
        )
        answer = self._records.transact([Expect(CODES + name, 0)], [_write(CODES + name, code, {}, SECONDS + SKEW)])
        if isinstance(answer, Conflict):
            raise Contended  # the same 128 random bits twice: practically impossible
        return token

    def check(self, redemption: Redemption) -> Redeemable:
        """A code that can be used for a request. Raises InvalidGrant; `Reused` if tokens have to end."""
        name = name_in(redemption.code)
        record = self._records.get(CODES + name) if name else None
        if record is None:
            raise InvalidGrant("The code is unknown or has expired. Start again at /authorize.")
        code = _code(record)
        _check(code, redemption)
        if code.used:
            raise self._refusal(code, redemption)
        browser = self._sessions.find(code.user_id, code.browser)
        user = self._sessions.user_of(browser) if browser else None
        if self._now() >= code.expires or user is None:
            raise InvalidGrant("The code has expired, or its user has logged out. Start again at /authorize.")
        return Redeemable(code, user, record, redemption)

    def use(self, found: Redeemable, family: str, writes: Sequence[Write]) -> None:
        """Use a code up for a refresh family, or the session of the same name, that `writes` begin: all at once.

        Raises InvalidGrant: another request was first; `Reused` if tokens have to end.
        """
        used = replace(found.code, used=self._now(), method=found.redemption.method, family=family)
        if not self._store(used, found.record, writes):
            raise self._refusal(_code(self._records.get(found.record.key) or found.record), found.redemption)

    def _store(self, used: Code, before: Record, beside: Sequence[Write]) -> bool:
        """Write a code that is used, and what it was used for; False: another request was first."""
        try:
            write = _write(before.key, used, before.value, self._lasting(used) + 2 * SKEW)
            answer = self._records.transact([Expect(before.key, before.revision)], [write, *beside])
        except Unknown:  # its response was lost
            record = self._records.get(before.key)
            return record is not None and _code(record) == used
        return not isinstance(answer, Conflict)

    def _lasting(self, code: Code) -> int:
        """For how many seconds something may come from a code."""
        goes_on = "offline_access" in code.scopes or code.client == FIRST_PARTY
        return self._settings.refresh_seconds if goes_on else self._settings.token_seconds

    def _refusal(self, code: Code, redemption: Redemption) -> InvalidGrant:
        if redemption.method != code.method and abs(self._now() - code.used) <= PROBE_SECONDS:
            return InvalidGrant("The code was used a moment ago, by the other way to send the client's secret.")
        return Reused(code)


class Reused(InvalidGrant):
    """A code that was used before; the tokens for which it was used have to end."""

    def __init__(self, code: Code) -> None:
        super().__init__("The code was used before, so it may have been stolen. Its tokens have ended; log in again.")
        self.code = code


def _check(code: Code, redemption: Redemption) -> None:
    """Raises InvalidGrant: whoever sends this code isn't the one that it was issued for."""
    if not matches(code.hash, redemption.code) or not redemption.client.is_one(code.client, code.client_stamp):
        raise InvalidGrant("The code is unknown, or was issued to another client. Start again at /authorize.")
    if code.redirect_uri != redemption.redirect_uri:
        raise InvalidGrant("The redirect_uri is not the one to which the code was sent. Send that one.")
    if code.challenge is None:
        if redemption.verifier:  # RFC 9700 §4.8.2: somebody has removed the challenge on the way
            raise InvalidGrant("There is a code_verifier, but the code was asked for without a code_challenge.")
    elif not _VERIFIER.fullmatch(redemption.verifier) or not hmac.compare_digest(
        _s256(redemption.verifier), code.challenge
    ):
        raise InvalidGrant("The code_verifier is missing, or is not the one whose SHA-256 was the code_challenge.")


def _write(key: str, code: Code, before: Value, seconds: float) -> Write:
    value = {field: content for field, content in asdict(code).items() if content not in (None, "", 0.0, ())}
    return Write(key, kept(Code, before, value), expires_in=seconds)


def _code(record: Record) -> Code:
    return known(Code, record.value)


def _s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
