"""Refusals as RFC 9457 problems, in answers and in the OpenAPI document."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from fanfold_auth.errors import Refused, StoreAway
from fanfold_storage.errors import Unavailable
from fanfold_web import problems
from fanfold_web.problems import note


def install(app: FastAPI) -> None:
    """Answer every error of the app with a problem."""
    problems.install(app)
    app.add_exception_handler(Refused, _on_refused)
    app.add_exception_handler(Unavailable, _on_unavailable)


def refusals(*refused: type[Refused]) -> dict[int | str, dict[str, Any]]:
    """The refusals of an operation for its OpenAPI `responses`, with an example of each."""
    return problems.refusals(*(each.kind for each in refused), StoreAway.kind)


def _on_refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)
    note(request, error.kind, why=error.detail)
    return problems.answer(error.kind, error.detail, error.headers())


def _on_unavailable(request: Request, error: Exception) -> JSONResponse:
    """The store's own words, which name hosts, go to the log alone."""
    answer = _on_refused(request, StoreAway())
    note(request, StoreAway.kind, why=str(error))
    return answer
