"""Webhooks: which URLs may be notified when a job has ended, and the secret that signs the messages."""

from fastapi import APIRouter
from pydantic import BaseModel, Field, JsonValue

from fanfold_submit.http.access import Submitter, TheService, Viewer
from fanfold_submit.http.problems import refusals
from fanfold_web.clock import timestamp
from fanfold_web.refusals import Contended

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])
_TIME: dict[str, JsonValue] = {"format": "date-time"}


class Webhooks(BaseModel):
    """Which URLs the service may notify, and since when it signs with your secret."""

    allowed: list[str] = Field(
        description="The operator's list: hosts, beginnings of URLs, and networks", examples=[["hooks.example.org"]]
    )
    secret_created: str | None = Field(description="When you got your secret; null: never", json_schema_extra=_TIME)


class NewSecret(BaseModel):
    """A secret, which is never shown again."""

    secret: str = Field(
        description="Signs your messages by Standard Webhooks",
        examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="],
    )
    created: str = Field(json_schema_extra=_TIME)
    previous_until: str | None = Field(description="Until when the one before signs, too", json_schema_extra=_TIME)


@router.get("", summary="Show webhooks", responses=refusals())
def show_webhooks(caller: Viewer, service: TheService) -> Webhooks:
    """Which URLs jobs may name in `notify`, and whether you have a secret to verify messages with."""
    created = service.secrets.created(caller.id)
    return Webhooks(
        allowed=list(service.settings.webhooks), secret_created=None if created is None else timestamp(created)
    )


@router.post("/secret", status_code=201, summary="Make a secret", responses=refusals(Contended))
def make_secret(caller: Submitter, service: TheService) -> NewSecret:
    """A new secret for your messages. The one before signs, too, for a day. An API token can't make one."""
    caller.demand_person()
    secret = service.secrets.replace(caller.id)
    return NewSecret(
        secret=secret.current,
        created=timestamp(secret.created or 0.0),
        previous_until=timestamp(secret.until) if secret.previous else None,
    )
