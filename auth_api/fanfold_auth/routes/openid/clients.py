"""The applications at which people may log in through this service, for admins."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field, StrictBool

from fanfold_auth.http.access import Admin, AdminInPerson, TheService
from fanfold_auth.http.fields import body, moment
from fanfold_auth.http.problems import refusals
from fanfold_auth.openid.clients import Client
from fanfold_auth.openid.redirect_uris import LONGEST, MOST
from fanfold_auth.openid.refusals import BadClient, ClientExists, NoSuchClient, TooManyClients
from fanfold_web.http.openapi import headers
from fanfold_web.http.operations import ThreadedRoute
from fanfold_web.refusals import Contended, Forbidden, Invalid, Unauthenticated
from fanfold_web.tokens.authorization import NAME_PATTERN

router = APIRouter(route_class=ThreadedRoute, prefix="/v1/clients", tags=["clients"])

_GUARDED = (Unauthenticated, Forbidden, Invalid)
_CALLBACK = "https://grafana.example.org/login/generic_oauth"
_CLIENT = {
    "id": "grafana",
    "redirect_uris": [_CALLBACK],
    "post_logout_redirect_uris": [],
    "public": False,
    "pkce": True,
    "created": "2026-11-24T07:15:00Z",
}
_SECRET = "pD0n4Yt7sVfK2mXc9RzQ1bWgHj5uLaE8iOqS6yTvNxM"  # noqa: S105 (an example)

ClientId = Annotated[str, Path(description="The client's id", examples=["grafana"])]
Uri = Annotated[str, Field(max_length=LONGEST)]


class NewClient(BaseModel):
    """An application to register."""

    model_config = body({"id": "grafana", "redirect_uris": [_CALLBACK]})
    id: str = Field(pattern=f"^{NAME_PATTERN}$", max_length=63, description="The client_id")
    redirect_uris: list[Uri] = Field(
        min_length=1,
        max_length=MOST,
        description="Where its users are sent back to, exactly; https, or http on loopback",
    )
    post_logout_redirect_uris: list[Uri] = Field(
        default=[], max_length=MOST, description="Where it may send them after they have logged out"
    )
    public: StrictBool = Field(default=False, description="It has no secret, as on users' machines; it must use PKCE")
    pkce: StrictBool = Field(default=True, description="It must use PKCE; turn off for clients that can't")


class ClientView(BaseModel):
    """A registered application."""

    model_config = body(_CLIENT)
    id: str
    redirect_uris: list[str]
    post_logout_redirect_uris: list[str]
    public: bool
    pkce: bool
    created: datetime

    @classmethod
    def of(cls, client: Client) -> "ClientView":
        """Leave out what is secret."""
        return cls(
            id=client.id,
            redirect_uris=list(client.redirect_uris),
            post_logout_redirect_uris=list(client.post_logout_redirect_uris),
            public=client.is_public,
            pkce=client.pkce,
            created=moment(client.created),
        )


class AddedClient(ClientView):
    """A new client, and its secret, which is never shown again; null if it is public."""

    model_config = body({**_CLIENT, "secret": _SECRET})
    secret: str | None


class ClientList(BaseModel):
    """All registered applications, by id."""

    model_config = body({"items": [_CLIENT]})
    items: list[ClientView]


@router.get("", summary="List clients", responses=refusals(*_GUARDED))
def list_clients(service: TheService, admin: Admin) -> ClientList:
    """The applications at which people may log in through this service."""
    return ClientList(items=[ClientView.of(client) for client in service.openid.clients.all()])


@router.post(
    "",
    status_code=201,
    summary="Register a client",
    responses={201: headers("Location"), **refusals(*_GUARDED, BadClient, ClientExists, TooManyClients)},
)
def add_client(service: TheService, admin: AdminInPerson, body: NewClient, response: Response) -> AddedClient:
    """Register an application. Its secret is in this response and nowhere else."""
    client = Client(body.id, tuple(body.redirect_uris), tuple(body.post_logout_redirect_uris), body.pkce)
    client, secret = service.openid.clients.add(client, public=body.public)
    response.headers["Location"] = f"/v1/clients/{client.id}"
    return AddedClient(**ClientView.of(client).model_dump(), secret=secret)


@router.get("/{client_id}", summary="Show a client", responses=refusals(*_GUARDED, NoSuchClient))
def show_client(service: TheService, admin: Admin, client_id: ClientId) -> ClientView:
    """One application."""
    return ClientView.of(service.openid.clients.get(client_id))


@router.delete(
    "/{client_id}", status_code=204, summary="Remove a client", responses=refusals(*_GUARDED, NoSuchClient, Contended)
)
def remove_client(service: TheService, admin: AdminInPerson, client_id: ClientId) -> None:
    """Forget an application. Nobody can log in there any more, and the tokens that it has end."""
    service.openid.clients.remove(client_id)
