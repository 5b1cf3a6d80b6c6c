"""Refusals and errors of storage as RFC 9457 problems, in answers and in the OpenAPI document."""

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from fanfold_storage.errors import InvalidKey, NotFound, PermissionDenied, StorageError, Unavailable
from fanfold_submit.kinds import AUTH_AWAY, INVALID_PATH, STORE_REFUSED
from fanfold_web import problems
from fanfold_web.kinds import FORBIDDEN, NOT_FOUND, STORE_AWAY, UNAUTHENTICATED, Kind
from fanfold_web.problems import answer, note

log = logging.getLogger("fanfold_submit")


class Problem(Exception):
    """An answer of 400 or more; `detail` says what happened, where and how to mend it."""

    def __init__(self, kind: Kind, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.kind, self.detail = kind, detail
        self.headers = dict(headers or {})


def refusals(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """The refusals of an operation that needs a token and a store, for its OpenAPI `responses`."""
    return problems.refusals(UNAUTHENTICATED, FORBIDDEN, *kinds, AUTH_AWAY, STORE_AWAY)


def install(app: FastAPI) -> None:
    """Turn every error that an endpoint can raise into a problem; defects are the envelope's."""
    problems.install(app)
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(StorageError, _on_storage)


async def _on_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    note(request, error.kind, why=error.detail)
    return answer(error.kind, error.detail, error.headers)


async def _on_storage(request: Request, error: Exception) -> JSONResponse:
    """The store's own words, which name hosts and folders, go to the log alone."""
    assert isinstance(error, StorageError)
    if isinstance(error, Unavailable):
        problem = Problem(STORE_AWAY, STORE_AWAY.example, headers={"Retry-After": "2"})
    elif isinstance(error, InvalidKey):
        problem = Problem(INVALID_PATH, "The store can't hold such a path: choose a shorter or plainer one.")
    elif isinstance(error, NotFound):
        problem = Problem(NOT_FOUND, "It isn't there (any more): list what there is.")
    else:
        what = "refuses the service access" if isinstance(error, PermissionDenied) else "cannot do what is asked"
        problem = Problem(STORE_REFUSED, f"The service's store {what}. Its operator finds the reason in the log.")
    log.log(logging.ERROR if problem.kind is STORE_REFUSED else logging.WARNING, "the store refused: %s", error)
    return await _on_problem(request, problem)
