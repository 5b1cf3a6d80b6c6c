"""The grants behind `/v1/token`: for each grant type, who gets tokens for what they sent (RFC 6749 §1.3).

A grant takes the parameters of a token request and returns the user and their next refresh token.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from fanfold_auth.accounts.users import User
from fanfold_auth.refusals import InvalidTokenRequest, UnsupportedGrant
from fanfold_auth.service import Service

Parameters: TypeAlias = Mapping[str, str]
Grant: TypeAlias = Callable[[Service, Parameters], tuple[User, str]]


def redeem(service: Service, parameters: Parameters) -> tuple[User, str]:
    """The user and their next refresh token. Raises InvalidTokenRequest, UnsupportedGrant, InvalidGrant."""
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


def _refresh_token(service: Service, parameters: Parameters) -> tuple[User, str]:
    return service.refreshes.rotate(required(parameters, "refresh_token"))


GRANTS: Mapping[str, Grant] = {"refresh_token": _refresh_token}
