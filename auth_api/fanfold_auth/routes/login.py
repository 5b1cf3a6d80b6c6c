"""Logging in with a name and a password."""

from fastapi import APIRouter, Request
from pydantic import BaseModel

from fanfold_auth.http.access import TheService
from fanfold_auth.http.browser import source_of
from fanfold_auth.http.fields import EXAMPLE_PASSWORD, Name, Password, body
from fanfold_auth.http.problems import refusals
from fanfold_auth.refusals import Busy, Throttled, WrongPassword
from fanfold_auth.routes.tokens import TokenPair
from fanfold_web.http.operations import ThreadedRoute
from fanfold_web.refusals import Invalid

router = APIRouter(route_class=ThreadedRoute, tags=["sessions"])


class Login(BaseModel):
    """Name and password."""

    model_config = body({"name": "ada", "password": EXAMPLE_PASSWORD})
    name: Name
    password: Password


@router.post("/v1/login", summary="Log in", responses=refusals(Invalid, WrongPassword, Throttled, Busy))
def login(request: Request, service: TheService, body: Login) -> TokenPair:
    """Tokens for a name and password: the first-party login of the command and of scripts.

    This is not an OAuth grant: RFC 9700 §2.4 bars the password grant, so no third party may collect passwords for it.
    """
    request.state.notes["user"] = body.name
    user, refresh_token = service.log_in(body.name, body.password.get_secret_value(), source_of(request))
    return TokenPair.of(service, service.tokens.issue(user), refresh_token)
