"""API tokens, with which scripts act for their owners."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, BeforeValidator, Field, StrictInt

from fanfold_auth.accounts.users import Role
from fanfold_auth.http.access import AnyCaller, Person, TheService
from fanfold_auth.http.fields import body, moment
from fanfold_auth.http.owners import Owner, owner_of
from fanfold_auth.http.problems import refusals
from fanfold_auth.refusals import ApiTokenExists, NoSuchApiToken, NoSuchUser, TooManyApiTokens
from fanfold_auth.tokens.api_tokens import LONGEST, SHORTEST, ApiToken
from fanfold_web.http.openapi import headers
from fanfold_web.http.operations import ThreadedRoute
from fanfold_web.refusals import Contended, Forbidden, Invalid, Unauthenticated
from fanfold_web.tokens.authorization import NAME_PATTERN

router = APIRouter(route_class=ThreadedRoute, prefix="/v1/tokens", tags=["API tokens"])

_DEFAULT = 90 * 86400
_TOKEN = {
    "name": "ci",
    "role": "submitter",
    "created": "2026-11-24T07:15:00Z",
    "expires": "2027-02-22T07:15:00Z",
    "last_used": None,
}
_TEXT = "ffat_6aZ2hJ0YkXvT1bQwE8rL3gpD0n4Yt7sVfK2mXc9RzQ10000001W9xZ"

TokenName = Annotated[str, Path(description="The token's name", examples=["ci"])]


def _whole(number: object) -> object:
    """A whole number, also if JSON writes it with a point and zeros."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


class NewApiToken(BaseModel):
    """A token to create."""

    model_config = body({"name": "ci", "role": "submitter", "expires_in": _DEFAULT})
    name: str = Field(pattern=f"^{NAME_PATTERN}$", max_length=63, description="Unlike those of your other tokens")
    role: Role = Field(description="What it may do, at most what you may")
    expires_in: Annotated[StrictInt, BeforeValidator(_whole)] = Field(
        default=_DEFAULT, ge=SHORTEST, le=LONGEST, description="Seconds until it expires, at most those of a leap year"
    )


class ApiTokenView(BaseModel):
    """An API token, without what stands for it."""

    model_config = body(_TOKEN)
    name: str
    role: Role
    created: datetime
    expires: datetime
    last_used: datetime | None = Field(description="When it was last exchanged, within a minute; null: never")

    @classmethod
    def of(cls, token: ApiToken) -> "ApiTokenView":
        """Leave out what is secret."""
        used = None if token.used is None else moment(token.used)
        return cls(
            name=token.name,
            role=token.role,
            created=moment(token.created),
            expires=moment(token.expires),
            last_used=used,
        )


class CreatedApiToken(ApiTokenView):
    """A new API token, and the text that stands for it, which is never shown again."""

    model_config = body({**_TOKEN, "token": _TEXT})
    token: str


class ApiTokenList(BaseModel):
    """A user's API tokens, by name."""

    model_config = body({"items": [_TOKEN]})
    items: list[ApiTokenView]


@router.post(
    "",
    status_code=201,
    summary="Create an API token",
    responses={
        201: headers("Location"),
        **refusals(Unauthenticated, Forbidden, Invalid, ApiTokenExists, TooManyApiTokens, Contended),
    },
)
def create_api_token(service: TheService, person: Person, body: NewApiToken, response: Response) -> CreatedApiToken:
    """A token with which a script acts for you. The script exchanges it at `/v1/token` for access tokens.

    It can do no more than you can at that moment, and nothing that outlasts it: for accounts, keys and tokens, somebody
    has to log in.
    """
    token, text = service.api_tokens.create(person.user, body.name, body.role, body.expires_in)
    response.headers["Location"] = f"/v1/tokens/{token.name}"
    return CreatedApiToken(**ApiTokenView.of(token).model_dump(), token=text)


@router.get("", summary="List API tokens", responses=refusals(Unauthenticated, Forbidden, NoSuchUser, Invalid))
def list_api_tokens(service: TheService, caller: AnyCaller, owner: Owner = None) -> ApiTokenList:
    """Your API tokens, also those that expired in the last month."""
    tokens = service.api_tokens.of(owner_of(service, caller, owner, "tokens"))
    return ApiTokenList(items=[ApiTokenView.of(token) for token in tokens])


@router.delete(
    "/{token_name}",
    status_code=204,
    summary="Revoke an API token",
    responses=refusals(Unauthenticated, Forbidden, NoSuchApiToken, NoSuchUser, Invalid, Contended),
)
def revoke_api_token(service: TheService, person: Person, token_name: TokenName, owner: Owner = None) -> None:
    """End an API token at once. Access tokens that it was exchanged for end within a minute."""
    service.api_tokens.end(owner_of(service, person, owner, "tokens"), token_name)
