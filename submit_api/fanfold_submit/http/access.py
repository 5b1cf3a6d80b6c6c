"""Who is asking, and whether they may: the dependencies that guard routes."""

from typing import Annotated, cast

from anyio import to_thread
from fastapi import Depends, Request
from fastapi.openapi import models
from fastapi.security.base import SecurityBase

from fanfold_submit.principal import Principal, Role
from fanfold_submit.service import Service
from fanfold_web.tokens.authorization import bearer_token


async def _service(request: Request) -> Service:
    return cast(Service, request.app.state.service)


TheService = Annotated[Service, Depends(_service)]


class _Access(SecurityBase):
    """Lets in whoever has the role; FastAPI documents it as the scheme of the routes that it guards."""

    model = models.HTTPBearer(description="An access token from the auth service")
    scheme_name = "HTTPBearer"

    def __init__(self, role: Role) -> None:
        self._role = role

    async def __call__(self, request: Request) -> Principal:
        """Who sent the token. Raises Unauthenticated, AuthAway, Forbidden."""
        tokens = (await _service(request)).tokens
        token = bearer_token(request.headers.get("Authorization"))
        principal = tokens.recall(token)
        if principal is None:  # verifying it may take a request to the auth service
            principal = await to_thread.run_sync(tokens.verify, token)
        request.state.notes.update(user=principal.name, user_id=principal.id)
        principal.demand(self._role)
        return principal


Viewer = Annotated[Principal, Depends(_Access("viewer"))]
Submitter = Annotated[Principal, Depends(_Access("submitter"))]
Admin = Annotated[Principal, Depends(_Access("admin"))]
