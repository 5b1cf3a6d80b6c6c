"""What the service says of itself."""

import ipaddress
import re
from importlib.metadata import version

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from fanfold.dependencies.targets import this_machine
from fanfold_submit.http.access import TheService
from fanfold_submit.settings import HOST

router = APIRouter(tags=["about"])
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


class About(BaseModel):
    """The service, for everybody."""

    version: str = Field(examples=["0.1.0"])
    engine: str = Field(examples=["argo"])
    auth_url: str = Field(description="Where to log in", examples=["https://auth.example.org"])
    isolated: bool = Field(
        description="Whether a job's code is kept from other users' files; on one machine it isn't", examples=[True]
    )
    steps_python: str = Field(description="The Python that runs jobs", examples=["3.13"])
    steps_platform: str = Field(
        description="Its platform, as `uv --python-platform` names it: wheels must fit both",
        examples=["x86_64-manylinux_2_36"],
    )
    argo_ui: str | None = Field(description="Where to look at Workflows", examples=["https://argo.example.org"])


@router.get("/v1/about", summary="About this service")
def about(request: Request, service: TheService) -> About:
    """What runs here and where to log in. Needs no token."""
    settings = service.settings
    return About(
        version=version("fanfold"),
        engine=service.engine.name,
        auth_url=_public(settings.auth_url, request),
        isolated=service.engine.isolates,
        steps_python=settings.steps_python or this_machine().python,
        steps_platform=settings.steps_platform or this_machine().platform,
        argo_ui=_public(settings.argo_ui, request) if settings.argo_ui else None,
    )


def _public(url: str, request: Request) -> str:
    """A URL that works for the caller: `{host}` is the name by which they reached us, if it is a name at all."""
    host = request.url.hostname or ""
    if not _HOST.fullmatch(host):
        try:
            host = f"[{ipaddress.IPv6Address(host)}]"
        except ValueError:
            host = "localhost"
    return url.replace(HOST, host)
