"""Every error as an RFC 9457 problem: what happened, where, how to mend it."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from fanfold_storage.errors import InvalidKey, NotFound, PermissionDenied, StorageError, Unavailable

log = logging.getLogger("fanfold_submit")
MEDIA_TYPE = "application/problem+json"
TYPE = "urn:fanfold:problem:"


class ProblemBody(BaseModel):
    """An RFC 9457 problem; some hold more members, named where they occur."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:fanfold:problem:output-exists"])
    title: str = Field(examples=["The output exists"])
    status: int | None = Field(default=None, examples=[409])
    detail: str = Field(examples=["The output files:counts/ exists already: remove it or choose another."])


class Problem(Exception):
    """An answer of 400 or more. `slug` names the kind for programs, `detail` is for people."""

    def __init__(
        self, status: int, slug: str, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = dict(headers or {})
        self.body = problem(slug, detail, status=status, **members)


def problem(slug: str, detail: str, **members: Any) -> dict[str, Any]:
    """A problem object as jobs remember it and answers carry it.

    >>> problem("no-such-job", "there is no job 7f", status=404)["title"]
    'No such job'
    """
    return {"type": TYPE + slug, "title": slug.replace("-", " ").capitalize(), "detail": detail, **members}


def answer(status: int, body: dict[str, Any], headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The response that carries a problem."""
    return JSONResponse(body, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "Refused, or failed: an RFC 9457 problem",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}},
        "model": ProblemBody,
    }
}
"""What every endpoint may answer, for the OpenAPI description."""


def internal_error() -> JSONResponse:
    """The answer when something broke that should not have."""
    detail = "The service met an error of its own. Its log holds the reason under this answer's X-Request-Id."
    return answer(500, problem("internal-error", detail, status=500))


def install(app: FastAPI) -> None:
    """Turn every error that an endpoint can raise into a problem; defects are the envelope's."""
    app.add_exception_handler(Problem, _of_problem)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(StorageError, _of_storage)
    app.add_exception_handler(ClientDisconnect, _of_disconnect)


async def _of_problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return answer(error.status, error.body, error.headers)


async def _of_http(request: Request, error: Exception) -> JSONResponse:
    """What Starlette itself refuses: a path or method that isn't there."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    details = {
        404: f"There is nothing at {request.url.path}. See /openapi.json for what there is.",
        405: f"{request.method} is not possible at {request.url.path}.",
    }
    slug = status.phrase.lower().replace(" ", "-")
    body = problem(slug, details.get(status, str(error.detail)), status=status.value)
    return answer(status, body, error.headers)


async def _of_validation(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [{"pointer": "".join(f"/{part}" for part in e["loc"]), "detail": e["msg"]} for e in error.errors()]
    detail = "; ".join(f"{e['pointer']}: {e['detail']}" for e in errors[:5]) + "."
    return answer(422, problem("invalid-request", detail, status=422, errors=errors))


async def _of_storage(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StorageError)
    if isinstance(error, Unavailable):
        log.warning("storage is away: %s", error)
        detail = "The service's storage does not answer. Try again in a moment."
        return answer(503, problem("storage-away", detail, status=503), {"Retry-After": "2"})
    if isinstance(error, InvalidKey):
        return answer(400, problem("invalid-path", str(error), status=400))
    if isinstance(error, NotFound):
        return answer(404, problem("not-found", "It isn't there (any more).", status=404))
    log.error("storage refused: %s", error)
    what = "refuses the service access" if isinstance(error, PermissionDenied) else "cannot do what is asked"
    detail = f"The service's storage {what}. Its operator finds the reason in the log."
    return answer(500, problem("storage-refused", detail, status=500))


async def _of_disconnect(_: Request, __: Exception) -> JSONResponse:
    """Nobody reads this answer; it keeps the log free of a traceback that says nothing."""
    return answer(400, problem("incomplete-body", "The request's body broke off. Nothing was written.", status=400))
