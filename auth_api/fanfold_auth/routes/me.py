"""The caller."""

from fastapi import APIRouter

from fanfold_auth.http.access import AnyCaller
from fanfold_auth.http.problems import refusals
from fanfold_auth.routes.users import UserView
from fanfold_web.http.operations import ThreadedRoute
from fanfold_web.refusals import Unauthenticated

router = APIRouter(route_class=ThreadedRoute, tags=["sessions"])


@router.get("/v1/me", summary="Who am I", responses=refusals(Unauthenticated))
def me(caller: AnyCaller) -> UserView:
    """The user that the token belongs to, as stored now."""
    return UserView.of(caller.user)
