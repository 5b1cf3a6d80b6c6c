"""What an operator can set: frozen objects, read from the environment when the service starts and never after."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode, SettingsConfigDict

from fanfold.dependencies.targets import PLATFORM, PYTHON
from fanfold_submit.webhooks.targets import Targets
from fanfold_web.settings import ServiceSettings, split_at_commas

MIB = 1 << 20
HOST = "{host}"
"""In a URL for users, the host name by which they reached this service."""


def _http_url(url: str) -> str:
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).netloc:
        raise ValueError("not a URL")
    return url


def _s3_folder(place: str) -> str:
    if not place.startswith("s3://") or not place.endswith("/") or place == "s3:///":
        raise ValueError("not a folder in S3")
    return place


def _targets(entries: tuple[str, ...]) -> tuple[str, ...]:
    Targets(entries)  # raises ValueError: one of them is none
    return entries


def _none_if_empty(value: Any) -> Any:
    return None if value == "" else value


HTTPURL = Annotated[str, AfterValidator(_http_url)]
Text = Annotated[str, Field(min_length=1)]
Optional = Annotated[str | None, BeforeValidator(_none_if_empty)]


Patterns = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_at_commas)]


def _by_group(value: Any) -> Any:
    """`staff:20,students:5` as numbers by the group's name; anything else unchanged."""
    if not isinstance(value, str):
        return value
    pairs = [word.rpartition(":") for word in value.split(",") if word]
    if any(not name or not separator for name, separator, _ in pairs):
        raise ValueError("not NAME:NUMBER")
    return {name: number for name, _, number in pairs}


Most = Annotated[int, Field(ge=1)]
MostOrNone = Annotated[Most | None, BeforeValidator(_none_if_empty)]
MostByGroup = Annotated[Mapping[str, Most], NoDecode, BeforeValidator(_by_group)]
_NUMBER = "a whole number, 1 or more"
_GROUPS = "NAME:NUMBER for each group, separated by commas, such as staff:20,students:5"


class Settings(ServiceSettings):
    """How the service behaves; FANFOLD_SUBMIT_ISSUER sets `issuer`, and so on. Replicas must be given the same ones.

    `{host}` in a URL for users is replaced by the host name by which they reached this service. (In that of the Argo UI
    it keeps jobs from having links there, which are the same for all.)
    """

    model_config = SettingsConfigDict(env_prefix="FANFOLD_SUBMIT_")

    # The `iss` that tokens must have.
    issuer: Text = Field(description="the `iss` of the auth service's tokens")
    # Where this service fetches the keys that sign tokens.
    jwks_url: HTTPURL = Field(description="the URL of the auth service's keys, such as http://auth:1337/v1/keys")
    # Where users log in.
    auth_url: HTTPURL = Field(
        description="the URL at which users reach the auth service, such as https://auth.example.org"
    )
    # The `aud` that tokens must have.
    audience: Text = Field(
        default="fanfold", description="the `aud` of the auth service's tokens; the default is fanfold"
    )
    # Where people look at Workflows.
    argo_ui: Annotated[HTTPURL | None, BeforeValidator(_none_if_empty)] = Field(
        default=None, description="the URL of the Argo UI, such as https://argo.example.org"
    )
    # Where jobs may read and write beside the service's own areas.
    s3_places: Annotated[
        tuple[Annotated[str, AfterValidator(_s3_folder)], ...], NoDecode, BeforeValidator(split_at_commas)
    ] = Field(default=(), description="places that each are s3://bucket/ or s3://bucket/prefix/, separated by commas")
    # What jobs may name beside the operator's own: patterns, as in registry.example.org/team/*.
    images: Patterns = Field(default=(), description="patterns of images that jobs may name, separated by commas")
    secrets: Patterns = Field(default=(), description="patterns of Secrets, or NAME/KEY, that jobs may read")
    priorities: Patterns = Field(default=(), description="patterns of PriorityClasses that jobs may have")
    # Which URLs may be notified when a job has ended (`fanfold_submit.webhooks.targets`).
    webhooks: Annotated[Patterns, AfterValidator(_targets)] = Field(
        default=(),
        description="hosts, beginnings of URLs such as https://hooks.example.org/fanfold/, and networks that hosts may "
        "be in although they aren't public, separated by commas",
    )
    # Bytes of one upload.
    largest_file: int = Field(default=100 * 1024 * MIB, ge=1, description="a whole number of bytes, 1 or more")
    # Bytes of one code bundle, or of one wheel.
    largest_bundle: int = Field(default=512 * MIB, ge=1, description="a whole number of bytes, 1 or more")
    # What jobs bring their packages for, if the steps image isn't built like the image that runs this.
    steps_python: Annotated[Annotated[str, Field(pattern=f"^{PYTHON}$")] | None, BeforeValidator(_none_if_empty)] = (
        Field(default=None, description="the Python of the steps image, such as 3.13")
    )
    steps_platform: Annotated[
        Annotated[str, Field(pattern=f"^{PLATFORM}$")] | None, BeforeValidator(_none_if_empty)
    ] = Field(default=None, description="the platform of the steps image, such as x86_64-manylinux_2_36")
    # How many jobs run at a time: for all, for each user, for groups by the token's claim `groups`.
    jobs: MostOrNone = Field(default=None, description=f"{_NUMBER}; the default is 200, on one machine none")
    jobs_each: MostOrNone = Field(default=None, description=f"{_NUMBER}; without it, there is no limit for one user")
    jobs_groups: MostByGroup = Field(default={}, description=_GROUPS)
    # How many workers, or pods, these jobs have at a time.
    workers: MostOrNone = Field(
        default=None, description=f"{_NUMBER}; the default is 801, on one machine the number of its cores"
    )
    workers_each: MostOrNone = Field(default=None, description=f"{_NUMBER}; without it, there is no limit for one user")
    workers_groups: MostByGroup = Field(default={}, description=_GROUPS)
    # How many bytes are kept: in files and with jobs, and in code bundles and wheels.
    kept_bytes: MostOrNone = Field(default=None, description=f"{_NUMBER}; without it, there is no limit for all")
    kept_bytes_each: MostOrNone = Field(
        default=None, description=f"{_NUMBER}; without it, there is no limit for a user"
    )
    kept_bytes_groups: MostByGroup = Field(default={}, description=_GROUPS)
    bundle_bytes: MostOrNone = Field(default=None, description=f"{_NUMBER}; without it, there is no limit for all")
    bundle_bytes_each: MostOrNone = Field(
        default=None, description=f"{_NUMBER}; without it, there is no limit for a user"
    )
    # How many schedules each user may have, and how close together the ticks of one may be.
    schedules_each: int = Field(default=50, ge=0, description="a whole number; the default is 50")
    shortest_interval: float = Field(default=60.0, ge=60, description="a number of seconds, 60 or more")
    # How often all jobs are compared, beside the events.
    reconcile_seconds: float = Field(default=30.0, gt=0, description="a number of seconds above 0; the default is 30")
    # How long ended jobs are kept.
    keep_days: float | None = Field(default=None, gt=0, description="a number of days above 0; without it, no job goes")
    # How long code and uploads are kept that no job uses; not longer than ended jobs.
    unused_days: float = Field(default=30.0, gt=0, description="a number of days above 0; the default is 30")


class Backends(ServiceSettings):
    """What `serve` opens: the stores and the engine."""

    model_config = SettingsConfigDict(env_prefix="FANFOLD_SUBMIT_")

    store: Text = Field(description="the URL of the objects, such as file:///data/ or s3://fanfold/")
    records: Text = Field(description="sqlite:///PATH or etcd://HOST:PORT,HOST:PORT")
    engine: Literal["local", "argo"] = Field(description="local or argo")
    namespace: Optional = Field(default=None, description="the namespace in which Workflows are created")
    steps_image: Optional = Field(default=None, description="the image that workers run")
    claim: Optional = Field(default=None, description="the PersistentVolumeClaim that workers mount")
    s3_secret: Optional = Field(
        default=None,
        description="a Secret with S3 credentials for all jobs, if the S3 server can't issue them for each job",
    )
