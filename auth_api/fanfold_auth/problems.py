"""Errors as RFC 9457 problems, in answers and in the OpenAPI document: one shape for all, whoever refuses."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from fanfold_auth.errors import Invalid, Refused, StoreAway
from fanfold_storage.errors import Unavailable

MEDIA_TYPE = "application/problem+json"


class FieldError(BaseModel):
    """One field that is not as it should be."""

    pointer: str
    detail: str


class Problem(BaseModel):
    """RFC 9457 problem details; `error` is RFC 6749's code, on the token endpoints alone."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError] | None = None
    error: str | None = None


def respond(problem: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    """The problem as an answer."""
    return JSONResponse(problem.model_dump(exclude_none=True), problem.status, headers, MEDIA_TYPE)


def from_status(status: int, detail: str) -> Problem:
    """A problem that is no more than its HTTP status (RFC 9457 §4.2.1)."""
    return Problem(type="about:blank", title=HTTPStatus(status).phrase, status=status, detail=detail)


def install(app: FastAPI) -> None:
    """Answer every error of the app with a problem."""
    app.add_exception_handler(Refused, _on_refused)
    app.add_exception_handler(Unavailable, _on_unavailable)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)


def refusals(*kinds: type[Refused]) -> dict[int | str, dict[str, Any]]:
    """The refusals of an operation for its OpenAPI `responses`, with an example of each."""
    responses: dict[int | str, dict[str, Any]] = {}
    every: list[type[Refused]] = [*kinds, StoreAway]
    for kind in every:
        response = responses.setdefault(kind.status, {"description": kind.title, "content": {MEDIA_TYPE: _content()}})
        if kind.title not in response["description"]:
            response["description"] += f"; {kind.title[0].lower()}{kind.title[1:]}"
        example = _problem(kind, kind.example).model_dump(exclude_none=True)
        response["content"][MEDIA_TYPE]["examples"][kind.slug] = {"summary": kind.title, "value": example}
    return responses


def _content() -> dict[str, Any]:
    return {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}


def _problem(kind: type[Refused] | Refused, detail: str) -> Problem:
    return Problem(
        type=f"urn:fanfold:problem:{kind.slug}", title=kind.title, status=kind.status, detail=detail, error=kind.oauth
    )


def _on_refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)
    request.state.notes.update(problem=error.slug, why=error.detail)
    return respond(_problem(error, error.detail), error.headers())


def _on_unavailable(request: Request, error: Exception) -> JSONResponse:
    request.state.notes.update(why=str(error))
    return _on_refused(request, StoreAway())


def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    """Say where and what, never the value itself: it may be a password."""
    assert isinstance(error, RequestValidationError)
    errors = [
        FieldError(pointer="".join(f"/{part}" for part in fault["loc"]), detail=fault["msg"])
        for fault in error.errors()
    ]
    detail = "; ".join(f"{fault.pointer}: {fault.detail}" for fault in errors[:5]) + "."
    request.state.notes.update(problem=Invalid.slug)
    return respond(_problem(Invalid, detail).model_copy(update={"errors": errors}))


def _on_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    details = {
        400: "The body cannot be read.",
        404: f"There is nothing at {request.url.path}.",
        405: f"{request.url.path} has no such method.",
    }
    problem = from_status(error.status_code, details.get(error.status_code, error.detail))
    return respond(problem, dict(error.headers or {}))
