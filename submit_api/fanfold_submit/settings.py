"""What an operator can set: one frozen object, read from the environment in `__main__` and nowhere else."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

PREFIX = "FANFOLD_SUBMIT_"
MIB = 1 << 20


class BadSetting(ValueError):
    """A setting that is missing or makes no sense; the text names the variable."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. Replicas of one service must be given the same ones. `{host}` in a URL that is told to others is
    replaced by the host name by which they reached this service."""

    issuer: str  # the `iss` that tokens must have
    jwks_url: str  # where this service fetches the keys that sign tokens
    auth_url: str  # where users log in
    audience: str = "fanfold"  # the `aud` that tokens must have
    argo_ui: str | None = None  # where people look at Workflows
    s3_places: tuple[str, ...] = ()  # `s3://bucket/prefix/` that jobs may read and write beside the service's own areas
    largest_file: int = 100 * 1024 * MIB  # bytes of one upload
    largest_bundle: int = 64 * MIB  # bytes of one code bundle
    reconcile_seconds: float = 30.0  # how often everything is compared, beside the events

    def __post_init__(self) -> None:
        for name in ("jwks_url", "auth_url", "argo_ui"):
            url = getattr(self, name)
            if url is not None and (urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).netloc):
                raise BadSetting(f"{PREFIX}{name.upper()} is {url!r}, not a URL like https://auth.example.org")
        for place in self.s3_places:
            if not place.startswith("s3://") or not place.endswith("/") or place == "s3:///":
                raise BadSetting(f"{PREFIX}S3_PLACES holds {place!r}: each is s3://bucket/ or s3://bucket/prefix/")


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Read FANFOLD_SUBMIT_ISSUER, _JWKS_URL, _AUTH_URL, _AUDIENCE, _ARGO_UI, _S3_PLACES and the sizes."""
    sizes = {name: environ.get(PREFIX + name.upper()) for name in ("largest_file", "largest_bundle")}
    return Settings(
        issuer=required(environ, "ISSUER", "the `iss` of the auth service's tokens"),
        jwks_url=required(environ, "JWKS_URL", "the URL of the auth service's keys, such as http://auth:1337/v1/keys"),
        auth_url=required(environ, "AUTH_URL", "the URL at which users reach the auth service"),
        audience=environ.get(PREFIX + "AUDIENCE", "fanfold"),
        argo_ui=environ.get(PREFIX + "ARGO_UI") or None,
        s3_places=tuple(place for place in environ.get(PREFIX + "S3_PLACES", "").split(",") if place),
        **{name: _bytes(PREFIX + name.upper(), text) for name, text in sizes.items() if text},
    )


def required(environ: Mapping[str, str], name: str, what: str) -> str:
    """The variable FANFOLD_SUBMIT_`name`. Raises BadSetting that says what it should hold."""
    value = environ.get(PREFIX + name)
    if not value:
        raise BadSetting(f"{PREFIX}{name} is not set: give it {what}")
    return value


def _bytes(variable: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise BadSetting(f"{variable} is {text!r}, not a whole number of bytes") from None
