"""The grants behind `/token` and `/v1/token`: for each grant type, who gets tokens for what they sent (RFC 6749 §1.3).

A grant takes a token request. At `/token` a client says who it is; `/v1/token` is the way of our own command, for which
no client is named.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import TypeAlias

from fanfold_auth.accounts.users import User
from fanfold_auth.openid.clients import COMMAND, Client
from fanfold_auth.openid.codes import Code, Redeemable, Redemption, Reused
from fanfold_auth.openid.devices import DEVICE_CODE
from fanfold_auth.openid.provider import userinfo_audience
from fanfold_auth.openid.refusals import UnauthorizedClient
from fanfold_auth.refusals import InvalidGrant, InvalidTokenRequest, UnsupportedGrant
from fanfold_auth.service import Service
from fanfold_auth.tokens.opaque import new_name
from fanfold_auth.tokens.refresh import family_of
from fanfold_auth.tokens.sessions import Source, session_of
from fanfold_web.tokens import authorization
from fanfold_web.tokens.authorization import TOKEN_EXCHANGE, delegated_audience


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """The parameters of a token request, and who sends them: the client, how it sent its secret, and from where."""

    parameters: Mapping[str, str]
    client: Client = COMMAND
    method: str = "none"
    source: Source | None = None

    def required(self, name: str) -> str:
        """A parameter that must be there and not be empty. Raises InvalidTokenRequest."""
        return required(self.parameters, name)


@dataclass(frozen=True, slots=True)
class Redeemed:
    """Who gets an access token, for which audience and client; and the next refresh token, if there is one.

    What an API token was exchanged for bears its stamp, `via`, and expires with it.
    """

    user: User
    audience: str
    refresh_token: str | None = None
    client: Client = COMMAND
    stamp: str | None = None
    """The session that the access token ends with; None: the user's stamp."""
    scopes: tuple[str, ...] = ()
    code: Code | None = None
    """What an ID token is issued for."""
    via: str = ""
    until: float = inf


@dataclass(frozen=True, slots=True)
class Issued:
    """The tokens of a response."""

    access_token: str
    refresh_token: str | None
    id_token: str | None


Grant: TypeAlias = Callable[[Service, TokenRequest], Redeemed]


def redeem(service: Service, asked: TokenRequest) -> Redeemed:
    """Who gets tokens for this request. Raises InvalidTokenRequest, UnsupportedGrant, InvalidGrant."""
    grant_type = asked.required("grant_type")
    if grant_type not in GRANTS:
        offered = " or ".join(GRANTS)
        raise UnsupportedGrant(
            f"The grant type {grant_type[:40]!r} is not offered. Use {offered}, or log in at /v1/login."
        )
    return GRANTS[grant_type](service, asked)


def issue(service: Service, redeemed: Redeemed) -> Issued:
    """The tokens themselves."""
    access_token = issue_access_token(service, redeemed)
    code = redeemed.code
    wants_id_token = code is not None and "openid" in code.scopes
    id_token = service.openid.id_tokens.issue(code, redeemed.user, access_token) if code and wants_id_token else None
    return Issued(access_token, redeemed.refresh_token, id_token)


def issue_access_token(service: Service, redeemed: Redeemed) -> str:
    """The access token alone, for whoever wants no ID token."""
    return service.tokens.issue(
        redeemed.user, redeemed.audience, client=redeemed.client.id, stamp=redeemed.stamp,
        via=redeemed.via, until=redeemed.until,
    )  # fmt: skip


def required(parameters: Mapping[str, str], name: str) -> str:
    """A parameter that must be there and not be empty. Raises InvalidTokenRequest."""
    if not parameters.get(name):
        raise InvalidTokenRequest(f"The parameter {name} is missing. Send it in the form.")
    return parameters[name]


def _refresh_token(service: Service, asked: TokenRequest) -> Redeemed:
    token = asked.required("refresh_token")
    if asked.client.is_first_party:
        user, successor = service.refreshes.rotate(token)
        return Redeemed(user, service.settings.audience, successor)
    user, successor = service.refreshes.rotate(token, asked.client.id, asked.client.stamp)
    session = service.sessions.find(user.id, session_of(family_of(token)))
    if session is None:
        raise InvalidGrant
    audience = userinfo_audience(service.settings.audience)
    return Redeemed(user, audience, successor, asked.client, session.id, session.scopes)


def _authorization_code(service: Service, asked: TokenRequest) -> Redeemed:
    parameters = asked.parameters
    redemption = Redemption(
        code=asked.required("code"),
        client=asked.client,
        method=asked.method,
        redirect_uri=asked.required("redirect_uri"),
        verifier=parameters.get("code_verifier", ""),
    )
    try:
        found = service.openid.codes.check(redemption)
        if asked.client.is_first_party:
            return _for_command(service, asked, found)
        return _for_application(service, asked.client, found)
    except Reused as reuse:
        _end_tokens(service, reuse.code)
        raise InvalidGrant(reuse.detail) from None


def _for_command(service: Service, asked: TokenRequest, found: Redeemable) -> Redeemed:
    family = new_name()
    begun = service.refreshes.begin(found.user, family, asked.source)
    service.openid.codes.use(found, family, begun.writes)
    return Redeemed(found.user, service.settings.audience, begun.token, scopes=found.code.scopes, code=found.code)


def _for_application(service: Service, client: Client, found: Redeemable) -> Redeemed:
    """An access token that only `/userinfo` accepts; a refresh token if the application may go on by itself."""
    family, code, user, settings = new_name(), found.code, found.user, service.settings
    token: str | None = None
    if "offline_access" in code.scopes:
        begun = service.refreshes.begin(user, family, permission=code.permission)
        token, writes = begun.token, begun.writes
    else:
        seconds = settings.token_seconds
        session = service.sessions.of_application(user, seconds, code.permission, family, browser=code.browser)
        writes = (service.sessions.write(session),)
    service.openid.codes.use(found, family, writes)
    audience = userinfo_audience(settings.audience)
    return Redeemed(user, audience, token, client, session_of(family), code.scopes, code)


def _device_code(service: Service, asked: TokenRequest) -> Redeemed:
    if not asked.client.is_first_party:
        raise UnauthorizedClient(f"The client {asked.client.id!r} may not use this grant, which is the command's.")
    user = service.openid.devices.use(asked.required("device_code"))
    return Redeemed(user, service.settings.audience, service.refreshes.start(user, asked.source))


def _end_tokens(service: Service, code: Code) -> None:
    """End what a code was used for. Access tokens for the services end by their stamp, with all of the user's."""
    session = service.sessions.find(code.user_id, session_of(code.family))
    if session is not None:
        service.end_session(session)


def _token_exchange(service: Service, asked: TokenRequest) -> Redeemed:
    if not asked.client.is_first_party:
        raise UnauthorizedClient(
            f"The client {asked.client.id!r} may not exchange tokens. Services do it at /v1/token."
        )
    token = asked.required("subject_token")
    match asked.required("subject_token_type"):
        case authorization.DELEGATION_TYPE:
            return Redeemed(service.delegations.redeem(token), delegated_audience(service.settings.audience))
        case authorization.API_TOKEN_TYPE:
            user, found = service.api_tokens.redeem(token)
            return Redeemed(user, service.settings.audience, via=found.stamp, until=found.expires)
        case other:
            raise InvalidTokenRequest(
                f"The subject_token_type {other[:80]!r} is not exchanged here. Send {authorization.API_TOKEN_TYPE} or "
                f"{authorization.DELEGATION_TYPE}."
            )


GRANTS: Mapping[str, Grant] = {
    "refresh_token": _refresh_token,
    "authorization_code": _authorization_code,
    DEVICE_CODE: _device_code,
    TOKEN_EXCHANGE: _token_exchange,
}
