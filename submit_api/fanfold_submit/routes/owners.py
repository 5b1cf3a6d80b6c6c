"""What becomes of a removed user's files and jobs, for admins."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from fanfold_submit.http.access import Admin, TheService
from fanfold_submit.http.problems import refusals
from fanfold_submit.jobs.removal import Removed, remove_everything_of
from fanfold_web.refusals import Contended, Invalid
from fanfold_web.tokens.authorization import NAME_PATTERN

router = APIRouter(tags=["owners"])

OwnerId = Annotated[
    str, Path(pattern=f"^{NAME_PATTERN}$", max_length=63, description="A user's id", examples=["3f9d0c7a51e8b264d09f"])
]


class Removal(BaseModel):
    """What one request has removed."""

    files: int
    jobs: int
    done: bool = Field(description="Whether nothing is left. Otherwise send the request again, in a moment")


@router.delete(
    "/v1/owners/{owner_id}", summary="Remove all of a user's files and jobs", responses=refusals(Invalid, Contended)
)
async def remove_owner(owner_id: OwnerId, admin: Admin, service: TheService) -> Removal:
    """Remove everything that belongs to a user's id: schedules, then jobs, which are cancelled first, then files.

    The files in their folder in the shared area are removed, too.

    Disable or remove the user first. Send the request again until it is done: jobs take a moment to stop.
    """

    def remove() -> Removed:
        service.schedules.remove_all_of(owner_id)
        removed = remove_everything_of(owner_id, admin, service.jobs, service.objects, service.shared)
        service.secrets.remove(owner_id)
        service.standing.forget(owner_id)
        service.stored.add(owner_id, "files", 0, is_stale=True)
        return removed

    removed = await service.uploads.run(admin.id, remove)
    for job_id in removed.cancelled:
        service.controller.enqueue(job_id)
    return Removal(files=removed.files, jobs=removed.jobs, done=removed.done)
