"""The grants behind `/v1/token`: for each grant type, who gets tokens for what they sent (RFC 6749 §1.3).

A grant takes the parameters of a token request.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import TypeAlias

from fanfold_auth.accounts.users import User
from fanfold_auth.refusals import InvalidTokenRequest, UnsupportedGrant
from fanfold_auth.service import Service
from fanfold_web.tokens import authorization
from fanfold_web.tokens.authorization import TOKEN_EXCHANGE, delegated_audience


@dataclass(frozen=True, slots=True)
class Redeemed:
    """Who gets an access token, for which audience; and the next refresh token, if the grant was one.

    What an API token was exchanged for bears its stamp, `via`, and expires with it.
    """

    user: User
    audience: str
    refresh_token: str | None = None
    via: str = ""
    until: float = inf


Parameters: TypeAlias = Mapping[str, str]
Grant: TypeAlias = Callable[[Service, Parameters], Redeemed]


def redeem(service: Service, parameters: Parameters) -> Redeemed:
    """Who gets tokens for these parameters. Raises InvalidTokenRequest, UnsupportedGrant, InvalidGrant."""
    grant_type = required(parameters, "grant_type")
    if grant_type not in GRANTS:
        offered = " or ".join(GRANTS)
        raise UnsupportedGrant(
            f"The grant type {grant_type[:40]!r} is not offered. Use {offered}, or log in at /v1/login."
        )
    return GRANTS[grant_type](service, parameters)


def required(parameters: Parameters, name: str) -> str:
    """A parameter that must be there and not be empty. Raises InvalidTokenRequest."""
    if not parameters.get(name):
        raise InvalidTokenRequest(f"The parameter {name} is missing. Send it in the form.")
    return parameters[name]


def _refresh_token(service: Service, parameters: Parameters) -> Redeemed:
    user, successor = service.refreshes.rotate(required(parameters, "refresh_token"))
    return Redeemed(user, service.settings.audience, successor)


def _token_exchange(service: Service, parameters: Parameters) -> Redeemed:
    token = required(parameters, "subject_token")
    match required(parameters, "subject_token_type"):
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


GRANTS: Mapping[str, Grant] = {"refresh_token": _refresh_token, TOKEN_EXCHANGE: _token_exchange}
