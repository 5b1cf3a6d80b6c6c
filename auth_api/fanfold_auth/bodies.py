"""What requests and answers hold. A request with a field that isn't here (a role in a login, say) is refused."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from fanfold_auth.users import NAME_PATTERN, Role, User
from fanfold_web.clock import timestamp


def _text(password: SecretStr) -> SecretStr:
    """JSON can spell half a surrogate pair, which is no text and has no bytes to hash."""
    try:
        password.get_secret_value().encode()
    except UnicodeEncodeError:
        raise ValueError("not valid Unicode") from None
    return password


Name = Annotated[str, Field(pattern=f"^{NAME_PATTERN}$", max_length=63, description="A user's name.")]
Password = Annotated[SecretStr, AfterValidator(_text)]
PASSWORD = "correct horse battery staple"  # noqa: S105 (an example)
USER = {"name": "ada", "roles": ["submitter"], "disabled": False, "created": "2026-11-24T07:15:00Z"}
TOKENS = {
    "access_token": "eyJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiIsInR5cCI6ImF0K2p3dCJ9.e30.c2ln",
    "token_type": "Bearer",
    "expires_in": 600,
    "refresh_token": "6aZ2hJ0YkXvT1bQwE8rL3g.pD0n4Yt7sVfK2mXc9RzQ1bWgHj5uLaE8iOqS6yTvNxM",
}


def _with(example: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [example]})


class Login(BaseModel):
    """Name and password."""

    model_config = _with({"name": "ada", "password": PASSWORD})
    name: Name
    password: Password


class NewUser(BaseModel):
    """A user to add."""

    model_config = _with({"name": "ada", "password": PASSWORD, "roles": ["submitter"]})
    name: Name
    password: Password = Field(description="8 to 1024 bytes, not among the commonest, not made of the name.")
    roles: list[Role] = Field(min_length=1, max_length=3)


class UserChange(BaseModel):
    """What can be changed about a user."""

    model_config = _with({"disabled": True})
    disabled: bool


class NewPassword(BaseModel):
    """A password to set. Whoever changes their own shows the current one too."""

    model_config = _with({"password": PASSWORD, "current": "tr0ub4dor and 3"})
    password: Password
    current: Password | None = None


class UserView(BaseModel):
    """A user as others see them."""

    model_config = _with(USER)
    name: str
    roles: list[Role]
    disabled: bool
    created: datetime

    @classmethod
    def of(cls, user: User) -> "UserView":
        """Leave out what is secret."""
        created = datetime.fromisoformat(timestamp(user.created, "seconds"))
        return cls(name=user.name, roles=list(user.roles), disabled=user.disabled, created=created)


class UserList(BaseModel):
    """Part of the users by name; pass `cursor` to go on, null at the end."""

    model_config = _with({"items": [USER], "cursor": None})
    items: list[UserView]
    cursor: str | None


class TokenPair(BaseModel):
    """An access token and the refresh token that gets the next one (RFC 6749 §5.1)."""

    model_config = _with(TOKENS)
    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 (a word of the protocol)
    expires_in: int
    refresh_token: str


class JWK(BaseModel):
    """An RSA public key (RFC 7517)."""

    kty: Literal["RSA"]
    use: Literal["sig"]
    alg: Literal["RS256"]
    kid: str
    n: str
    e: str


class JWKS(BaseModel):
    """The keys that verify access tokens."""

    model_config = _with(
        {
            "keys": [
                {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "NzbLsXh8uDCc", "n": "0vx7agoebGcQ", "e": "AQAB"}
            ]
        }
    )
    keys: list[JWK]


class Rotation(BaseModel):
    """The key that was published, and from when on it signs."""

    model_config = _with({"kid": "NzbLsXh8uDCc", "signs_from": "2026-11-24T07:30:00Z"})
    kid: str
    signs_from: datetime


class Status(BaseModel):
    """All is well."""

    model_config = _with({"status": "ok"})
    status: Literal["ok"] = "ok"
