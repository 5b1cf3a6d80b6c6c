"""Who is asking, and whether they may: the dependencies that guard routes."""

from collections.abc import Callable
from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from fanfold_submit.principal import Principal, Role
from fanfold_submit.service import Service
from fanfold_web.tokens.authorization import bearer_token

# Documents the scheme; `bearer_token` reads the header.
_bearer = HTTPBearer(auto_error=False, description="An access token from the auth service")


async def _service(request: Request) -> Service:
    return cast(Service, request.app.state.service)


TheService = Annotated[Service, Depends(_service)]


def _require(role: Role) -> Callable[..., Principal]:
    def caller(request: Request, service: TheService, _: Annotated[object, Depends(_bearer)]) -> Principal:
        principal = service.tokens.verify(bearer_token(request.headers.get("Authorization")))
        request.state.notes.update(user=principal.name, user_id=principal.id)
        principal.demand(role)
        return principal

    return caller


Viewer = Annotated[Principal, Depends(_require("viewer"))]
Submitter = Annotated[Principal, Depends(_require("submitter"))]
Admin = Annotated[Principal, Depends(_require("admin"))]
