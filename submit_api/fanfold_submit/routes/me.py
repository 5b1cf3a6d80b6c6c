"""The caller."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from fanfold_submit.http.access import Viewer
from fanfold_submit.http.problem_types import PROBLEM_TYPES
from fanfold_submit.refusals import AuthAway
from fanfold_web.http.problems import documented
from fanfold_web.refusals import Forbidden, Unauthenticated

router = APIRouter(tags=["about"])


class Me(BaseModel):
    """The caller, according to their token."""

    id: str = Field(examples=["3f9d0c7a51e8b264d09f"])
    name: str = Field(examples=["ada"])
    roles: list[str] = Field(examples=[["submitter"]])
    groups: list[str] = Field(examples=[["analysts"]], description="The teams whose jobs and files the caller shares")


@router.get("/v1/me", summary="Who am I", responses=documented(PROBLEM_TYPES, Unauthenticated, Forbidden, AuthAway))
def me(caller: Viewer) -> Me:
    """The user that the token belongs to."""
    return Me(id=caller.id, name=caller.name, roles=list(caller.roles), groups=list(caller.teams))
