"""Errors as RFC 9457 problems, in answers and in the OpenAPI document: one shape for all, whoever refuses."""

import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from fanfold_web.kinds import (
    BAD_REQUEST,
    INCOMPLETE_BODY,
    INTERNAL,
    INVALID,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    TOO_LARGE,
    Kind,
)

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:fanfold:problem:"

_OF_STATUS = {kind.status: kind for kind in (BAD_REQUEST, NOT_FOUND, METHOD_NOT_ALLOWED, TOO_LARGE)}


class FieldError(BaseModel):
    """One field that is not as it should be."""

    pointer: str
    detail: str


class ProblemDetails(BaseModel):
    """An RFC 9457 problem; some hold more members, named where they occur."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:fanfold:problem:not-found"])
    title: str = Field(examples=["Not found"])
    status: int | None = Field(default=None, examples=[404])
    detail: str = Field(examples=["There is nothing at /v2. See /openapi.json for what there is."])
    errors: list[FieldError] | None = Field(default=None, description="The fields that are not as they should be")


def problem(kind: Kind, detail: str, **members: Any) -> dict[str, Any]:
    """A problem object. An answer's holds `status`; a job's own error, which is no answer, holds none.

    >>> problem(NOT_FOUND, "There is no job 7f.", status=404)["type"]
    'urn:fanfold:problem:not-found'
    """
    return {"type": TYPE + kind.slug, "title": kind.title, "detail": detail, **kind.members, **members}


def answer(kind: Kind, detail: str, headers: Mapping[str, str] | None = None, **members: Any) -> JSONResponse:
    """The response that carries a problem."""
    body = problem(kind, detail, status=kind.status, **members)
    return JSONResponse(body, kind.status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def refusals(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """The refusals of an operation for its OpenAPI `responses`, with an example of each."""
    responses: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        content = {"schema": {"$ref": "#/components/schemas/ProblemDetails"}, "examples": {}}
        response = responses.setdefault(kind.status, {"description": kind.title, "content": {MEDIA_TYPE: content}})
        if kind.title not in response["description"]:
            response["description"] += f"; {kind.title[0].lower()}{kind.title[1:]}"
        example = problem(kind, kind.example, status=kind.status)
        response["content"][MEDIA_TYPE]["examples"][kind.slug] = {"summary": kind.title, "value": example}
    return responses


def install(app: FastAPI) -> None:
    """Answer what FastAPI refuses with a problem, and describe problems in the app's OpenAPI document."""
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)
    app.openapi = functools.cache(lambda: _openapi(app))  # type: ignore[method-assign]  # the way FastAPI documents


def from_validation(error: RequestValidationError) -> tuple[str, list[dict[str, str]]]:
    """Where and what, as text and as `errors`; never the value itself, which may be a password."""
    errors = [{"pointer": "".join(f"/{part}" for part in e["loc"]), "detail": e["msg"]} for e in error.errors()]
    return "; ".join(f"{e['pointer']}: {e['detail']}" for e in errors[:5]) + ".", errors


async def _on_http(request: Request, error: Exception) -> JSONResponse:
    """What Starlette itself refuses: a path or method that isn't there, a body that can't be read."""
    assert isinstance(error, HTTPException)
    path, status = request.url.path, error.status_code
    details = {
        400: BAD_REQUEST.example,
        404: f"There is nothing at {path}. See /openapi.json for what there is.",
        405: f"{request.method} is not possible at {path}. See /openapi.json for what is.",
    }
    kind = _OF_STATUS.get(status) or replace(BAD_REQUEST if status < 500 else INTERNAL, status=status)
    note(request, kind)
    return answer(kind, details.get(status, error.detail), error.headers)


async def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    note(request, INVALID)
    detail, errors = from_validation(error)
    return answer(INVALID, detail, errors=errors)


async def _on_disconnect(request: Request, _: Exception) -> JSONResponse:
    """Nobody reads this answer; it keeps the log free of a traceback that says nothing."""
    note(request, INCOMPLETE_BODY)
    return answer(INCOMPLETE_BODY, INCOMPLETE_BODY.example)


def note(request: Request, kind: Kind, **more: str) -> None:
    """Leave in the request's log line which problem it was, and what more there is to say."""
    request.state.notes.update(problem=kind.slug, **more)


def _openapi(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    schemas = document["components"]["schemas"]
    details = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= details.pop("$defs") | {ProblemDetails.__name__: details}
    return document
