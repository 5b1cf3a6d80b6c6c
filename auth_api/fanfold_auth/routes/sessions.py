"""Where a user is logged in: browsers, commands and applications; for the user, and for admins."""

import re
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from fanfold_auth.http.access import AnyCaller, Person, TheService
from fanfold_auth.http.fields import body, moment
from fanfold_auth.http.owners import Owner, owner_of
from fanfold_auth.http.problems import refusals
from fanfold_auth.refusals import NoSuchSession, NoSuchUser
from fanfold_auth.tokens.sessions import Kind, Session
from fanfold_web.http.operations import ThreadedRoute
from fanfold_web.refusals import Contended, Forbidden, Invalid, InvalidCursor, Unauthenticated

router = APIRouter(route_class=ThreadedRoute, prefix="/v1/sessions", tags=["sessions"])

_OWNED = (Unauthenticated, Forbidden, NoSuchUser, Invalid)
_SESSION = {
    "id": "5b1e0c7a51e8b264d09f",
    "kind": "browser",
    "client": None,
    "created": "2026-11-24T07:15:00Z",
    "expires": "2026-11-24T19:15:00Z",
    "address": "192.0.2.7",
    "agent": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
}
SessionId = Annotated[str, Path(description="The session's id", examples=["5b1e0c7a51e8b264d09f"])]


class SessionView(BaseModel):
    """A session, without what stands for it."""

    model_config = body(_SESSION)
    id: str
    kind: Kind = Field(description="A browser at the login page, the command, or an application that was logged in to")
    client: str | None = Field(description="The application's id; null for the other kinds")
    created: datetime
    expires: datetime
    address: str = Field(description="Where the login came from")
    agent: str = Field(description="What the program there called itself, which may be anything")

    @classmethod
    def of(cls, session: Session) -> "SessionView":
        """Leave out what is secret."""
        created, expires = moment(session.created), moment(session.expires)
        return cls(
            id=session.id, kind=session.kind, client=session.client or None, created=created, expires=expires,
            address=session.address, agent=session.agent,
        )  # fmt: skip


class SessionList(BaseModel):
    """A page of sessions; pass `cursor` to get the next one, null at the end."""

    model_config = body({"items": [_SESSION], "cursor": None})
    items: list[SessionView]
    cursor: str | None


@router.get("", summary="List sessions", responses=refusals(*_OWNED, InvalidCursor))
def list_sessions(
    service: TheService,
    caller: AnyCaller,
    owner: Owner = None,
    limit: Annotated[int, Query(ge=1, le=500, description="At most this many")] = 100,
    cursor: Annotated[str, Query(description="The cursor of the previous page")] = "",
) -> SessionList:
    """Where you are logged in. Logins from before this service listed them are missing, until they end."""
    if cursor and not re.fullmatch("[0-9a-f]{20}", cursor):
        raise InvalidCursor
    page = service.sessions.page(owner_of(service, caller, owner, "sessions"), cursor, limit)
    return SessionList(items=[SessionView.of(session) for session in page.sessions], cursor=page.after)


@router.delete("", status_code=204, summary="Log out everywhere", responses=refusals(*_OWNED, Contended))
def end_all_sessions(service: TheService, caller: Person, owner: Owner = None) -> None:
    """End all sessions of yours, and their tokens, this request's included."""
    service.users.log_out(owner_of(service, caller, owner, "sessions").name)


@router.delete(
    "/{session_id}",
    status_code=204,
    summary="End a session",
    responses=refusals(*_OWNED, NoSuchSession, Contended),
)
def end_session(service: TheService, caller: Person, session_id: SessionId, owner: Owner = None) -> None:
    """End one session. If it is the command's, all of your access tokens end, and other logins renew theirs."""
    service.end_session(service.sessions.get(owner_of(service, caller, owner, "sessions"), session_id))
