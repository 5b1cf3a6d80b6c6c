"""Refusals as RFC 9457 problems, in responses and in the OpenAPI document: one shape for all, whoever refuses."""

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from fanfold_web.http.operations import methods_at
from fanfold_web.http.problem_types import SHARED, ProblemType
from fanfold_web.refusals import (
    BadRequest,
    IncompleteBody,
    Internal,
    Invalid,
    MethodNotAllowed,
    NothingThere,
    Refusal,
    TooLarge,
)

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS, LONGEST_ECHO = 20, 300  # fields that a problem names; characters of each

ProblemTypes: TypeAlias = Mapping[type[Refusal], ProblemType]
Responses: TypeAlias = dict[int | str, dict[str, Any]]
Translation: TypeAlias = Callable[[Any], Refusal]
"""Says which refusal an exception stands for."""

_OF_STATUS: Mapping[int, type[Refusal]] = {400: BadRequest, 404: NothingThere, 405: MethodNotAllowed, 413: TooLarge}


class FieldError(BaseModel):
    """A field that is missing or wrong."""

    pointer: str
    detail: str


class ProblemDetails(BaseModel):
    """An RFC 9457 problem. Some have further members, described where they occur."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:fanfold:problem:not-found"])
    title: str = Field(examples=["Not found"])
    status: int | None = Field(default=None, examples=[404])
    detail: str = Field(examples=["There is nothing at /v2. See /openapi.json for what there is."])
    errors: list[FieldError] | None = Field(default=None, description="The fields that are missing or wrong")


def response_to(refusal: Refusal, problem_type: ProblemType, **members: Any) -> JSONResponse:
    """The response that carries a refusal's problem."""
    body = problem_type.problem(refusal.detail, status=problem_type.status, **members)
    return JSONResponse(body, problem_type.status, headers=headers_of(refusal, problem_type), media_type=MEDIA_TYPE)


def headers_of(refusal: Refusal, problem_type: ProblemType) -> dict[str, str]:
    """The headers of every response to a refusal, whatever form it has."""
    headers = dict(problem_type.headers(refusal))
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(refusal.retry_after)))
    return headers


def documented(problem_types: ProblemTypes, *refusals: type[Refusal]) -> Responses:
    """The refusals of an operation for its OpenAPI `responses`, with an example of each.

    What can be invalid can be unreadable, too.
    """
    responses: Responses = {}
    unreadable: list[type[Refusal]] = [BadRequest] if Invalid in refusals and BadRequest not in refusals else []
    for refusal in [*refusals, *unreadable]:
        problem_type = problem_types[refusal]
        content = {"schema": {"$ref": "#/components/schemas/ProblemDetails"}, "examples": {}}
        new = {"description": problem_type.title, "content": {MEDIA_TYPE: content}}
        response = responses.setdefault(problem_type.status, new)
        if problem_type.title not in response["description"]:
            response["description"] += f"; {problem_type.title[0].lower()}{problem_type.title[1:]}"
        example = problem_type.problem(refusal.example, status=problem_type.status)
        shown = response["content"][MEDIA_TYPE]["examples"]
        shown[problem_type.slug] = {"summary": problem_type.title, "value": example}
    return responses


def install(app: FastAPI, problem_types: ProblemTypes, translations: Mapping[type[Exception], Translation]) -> None:
    """Answer every refusal with its problem.

    `translations` says which refusal another exception stands for, by its class. That exception's own text, which may
    name hosts, goes to the log alone.
    """

    async def on_refusal(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Refusal)
        note(request, problem_types[type(error)], why=error.detail)
        return response_to(error, problem_types[type(error)])

    def on_translated(translate: Translation) -> Callable[[Request, Exception], Any]:
        async def on_error(request: Request, error: Exception) -> JSONResponse:
            response = await on_refusal(request, translate(error))
            request.state.notes["why"] = str(error)
            return response

        return on_error

    app.add_exception_handler(Refusal, on_refusal)
    for error, translate in translations.items():
        app.add_exception_handler(error, on_translated(translate))
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)


def field_errors(error: RequestValidationError) -> tuple[str, list[dict[str, str]]]:
    """The wrong fields as text and as `errors`; never their values, which may be passwords."""
    every = error.errors()
    errors = [
        {"pointer": shortened("".join(f"/{part}" for part in e["loc"])), "detail": shortened(e["msg"])}
        for e in every[:MOST_ERRORS]
    ]
    more = f"; and {len(every) - 5} more" if len(every) > 5 else ""
    return "; ".join(f"{e['pointer']}: {e['detail']}" for e in errors[:5]) + f"{more}.", errors


def shortened(text: str) -> str:
    """A string from a request, cut to the length that a response repeats."""
    return text if len(text) <= LONGEST_ECHO else f"{text[:LONGEST_ECHO]}…"


def note(request: Request, problem_type: ProblemType, **more: str) -> None:
    """Add to the request's log line which problem was answered, and `more` about it."""
    request.state.notes.update(problem=problem_type.slug, **more)


async def _on_http(request: Request, error: Exception) -> Response:
    """What Starlette itself refuses: a path or method that does not exist, a body that cannot be read."""
    assert isinstance(error, HTTPException)
    path, status = request.url.path, error.status_code
    details = {
        400: BadRequest.example,
        404: f"There is nothing at {path}. See /openapi.json for what there is.",
        405: f"{request.method} is not possible at {path}. See /openapi.json for what is.",
    }
    if status == 405 and request.method == "OPTIONS":
        return Response(status_code=204, headers={"Allow": _allowed(request)})
    refusal = _OF_STATUS.get(status) or (BadRequest if status < 500 else Internal)
    general = SHARED[refusal]
    problem_type = ProblemType(status, general.slug, general.title)
    note(request, problem_type)
    response = response_to(refusal(details.get(status, error.detail)), problem_type)
    response.headers.update(error.headers or {})
    if status == 405:
        response.headers["Allow"] = _allowed(request)
    return response


def _allowed(request: Request) -> str:
    """All methods of a path; Starlette names those of the first route alone."""
    return ", ".join(sorted({"OPTIONS", *methods_at(request)}))


async def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    note(request, SHARED[Invalid])
    detail, errors = field_errors(error)
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if not media_type.endswith("json") and any(e["loc"] == ("body",) for e in error.errors()):
        detail = "The body must be JSON. Send Content-Type: application/json."
    return response_to(Invalid(detail), SHARED[Invalid], errors=errors)


async def _on_disconnect(request: Request, _: Exception) -> JSONResponse:
    """Nobody reads this response, but it keeps a meaningless traceback out of the log."""
    note(request, SHARED[IncompleteBody])
    return response_to(IncompleteBody(), SHARED[IncompleteBody])
