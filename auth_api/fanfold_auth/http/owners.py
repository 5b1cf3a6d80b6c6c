"""Whose things a request is about: the caller's own, or another user's, for administrators."""

from typing import Annotated

from fastapi import Query

from fanfold_auth.accounts.users import User
from fanfold_auth.http.access import Caller
from fanfold_auth.service import Service
from fanfold_web.refusals import Forbidden

Owner = Annotated[
    str | None, Query(description="Another user's, for administrators; by default your own", examples=["bob"])
]


def owner_of(service: Service, caller: Caller, owner: str | None, things: str) -> User:
    """Whose things are meant. Raises Forbidden: only administrators see others'; NoSuchUser."""
    if owner is None or owner == caller.user.name:
        return caller.user
    if not caller.is_admin:
        raise Forbidden(f"{caller.user.name!r} may only see their own {things}. Ask an administrator for others'.")
    return service.users.get(owner)
