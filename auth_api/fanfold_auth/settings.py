"""What an operator can set: one frozen object, read from the environment when the service starts and never after."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field
from pydantic_settings import SettingsConfigDict

from fanfold_web.settings import ServiceSettings
from fanfold_web.tokens.authorization import TOKEN_SECONDS


def _public_url(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.netloc or url.query or url.fragment:
        raise ValueError("not a URL that tokens can name")
    return text


def _seconds(default: int, least: int) -> int:
    """A field for a duration; pydantic-settings reads it from text."""
    description = f"a whole number of seconds, {least} or more; the default is {default}"
    field: int = Field(default=default, ge=least, description=description)
    return field


class Settings(ServiceSettings):
    """All settings; FANFOLD_AUTH_ISSUER sets `issuer`, and so on. Replicas of a service must be given the same ones."""

    model_config = SettingsConfigDict(env_prefix="FANFOLD_AUTH_")

    # The `iss` of every token, and the URL at which applications find the OpenID provider.
    issuer: Annotated[str, AfterValidator(_public_url)] = Field(
        description="the public URL of this service, such as https://auth.example.org"
    )
    # Where browsers reach the service; applications and pods reach it at `issuer`.
    public_url: Annotated[str, AfterValidator(_public_url)] | None = Field(
        default=None, description="the URL at which browsers reach this service; the default is the issuer"
    )
    # Holds the secret that encrypts signing keys at rest.
    kek_file: Path = Field(description="the path of a file with at least 32 random bytes")
    # The `aud` of every access token.
    audience: str = Field(
        default="fanfold",
        min_length=1,
        description="the name of the services that accept the tokens; the default is fanfold",
    )
    # How long an access token is valid.
    token_seconds: int = _seconds(TOKEN_SECONDS, least=2)
    # How long a login lasts, however often it is refreshed.
    refresh_seconds: int = _seconds(7 * 24 * 3600, least=2)
    # How long a browser stays logged in at the login page.
    session_seconds: int = _seconds(12 * 3600, least=2)
    # How long a new key is published before it signs.
    publish_seconds: int = _seconds(15 * 60, least=0)

    @property
    def browsers_url(self) -> str:
        """Where browsers reach the service, without a slash at the end."""
        return (self.public_url or self.issuer).rstrip("/")
