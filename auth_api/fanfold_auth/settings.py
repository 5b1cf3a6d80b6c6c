"""What an operator can set: one frozen object, read from the environment in `__main__` and nowhere else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from fanfold_auth.passwords import Cost

PREFIX = "FANFOLD_AUTH_"
TOKEN_SECONDS = 10 * 60
REFRESH_SECONDS = 7 * 24 * 3600
PUBLISH_SECONDS = 15 * 60


class BadSetting(ValueError):
    """A setting that is missing or makes no sense; the text names the variable."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. Two replicas of one service must be given the same ones."""

    issuer: str  # the `iss` of every token: the public URL of this service
    kek_file: Path  # holds the secret that encrypts signing keys at rest
    audience: str = "fanfold"  # the `aud` of every access token
    token_seconds: int = TOKEN_SECONDS  # how long an access token holds
    refresh_seconds: int = REFRESH_SECONDS  # how long a login lasts, however often it is refreshed
    publish_seconds: int = PUBLISH_SECONDS  # how long a new key is published before it signs
    hash_cost: Cost = field(default_factory=Cost)

    def __post_init__(self) -> None:
        url = urlsplit(self.issuer)
        if url.scheme not in ("http", "https") or not url.netloc or url.query or url.fragment:
            raise BadSetting(f"{PREFIX}ISSUER is {self.issuer!r}, not a URL like https://auth.example.org")
        if not self.audience:
            raise BadSetting(f"{PREFIX}AUDIENCE is empty: leave it out for 'fanfold', or name who accepts the tokens")
        for name in ("token_seconds", "refresh_seconds"):
            if getattr(self, name) < 2:
                raise BadSetting(f"{PREFIX}{name.upper()} is {getattr(self, name)}; give it at least 2 seconds")
        if self.publish_seconds < 0:
            raise BadSetting(f"{PREFIX}PUBLISH_SECONDS is {self.publish_seconds}; give it 0 seconds or more")


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Read FANFOLD_AUTH_ISSUER, _KEK_FILE, _AUDIENCE, _TOKEN_SECONDS, _REFRESH_SECONDS, _PUBLISH_SECONDS."""
    return Settings(
        issuer=_required(environ, "ISSUER", "the public URL of this service"),
        kek_file=Path(_required(environ, "KEK_FILE", "a file with at least 32 random bytes")),
        audience=environ.get(PREFIX + "AUDIENCE", "fanfold"),
        token_seconds=_seconds(environ, "TOKEN_SECONDS", TOKEN_SECONDS),
        refresh_seconds=_seconds(environ, "REFRESH_SECONDS", REFRESH_SECONDS),
        publish_seconds=_seconds(environ, "PUBLISH_SECONDS", PUBLISH_SECONDS),
    )


def _required(environ: Mapping[str, str], name: str, what: str) -> str:
    value = environ.get(PREFIX + name)
    if not value:
        raise BadSetting(f"{PREFIX}{name} is not set: give it {what}")
    return value


def _seconds(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(PREFIX + name, str(default))
    try:
        return int(text)
    except ValueError:
        raise BadSetting(f"{PREFIX}{name} is {text!r}: give a whole number of seconds, such as 600") from None
