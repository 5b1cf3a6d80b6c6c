"""The OpenAPI document: what FastAPI knows of the routes, and what it can't know: headers, and refusals of any request.

Every response has a request id. Headers that follow from a status are added to every response with that status; routes
name others with `headers`, and those that they read with `header_parameters`.
"""

import functools
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from fanfold_web.http.problem_types import SHARED, ProblemType
from fanfold_web.http.problems import ProblemDetails, ProblemTypes, documented
from fanfold_web.refusals import BadRequest, Internal, MethodNotAllowed, Misdirected, StoreRefused, TooLarge

_TEXT: Mapping[str, Any] = {"type": "string"}
_ETAG: Mapping[str, Any] = {"type": "string", "pattern": '^"[^"]+"$', "examples": ['"7d2a41c0"']}


def _sent(description: str, *, always: bool = True, **schema: Any) -> dict[str, Any]:
    return {"description": description, "required": always, "schema": schema}


_HEADERS: Mapping[str, dict[str, Any]] = {
    "X-Request-Id": _sent(
        "Names the request in the service's log; that of the request, if it sent one",
        **_TEXT, pattern="^[A-Za-z0-9._-]{1,64}$",
    ),
    "WWW-Authenticate": _sent(
        "The challenge of RFC 6750: what the token lacks; or Basic, for an application's id and secret", always=False,
        **_TEXT, pattern='^(Bearer|Basic) realm="fanfold"'
    ),
    "Retry-After": _sent("Seconds after which to try again", always=False, type="integer", minimum=1),
    "Allow": _sent("The methods that the path has", **_TEXT, examples=["GET, HEAD, OPTIONS"]),
    "Location": _sent("The path of what was made", **_TEXT, pattern="^/v1/"),
    "ETag": _sent("Names this version of the bytes", **_ETAG),
    "Accept-Ranges": _sent("Ranges of bytes can be asked for", const="bytes"),
    "Content-Range": _sent(
        "Which bytes these are, and of how many", **_TEXT, pattern=r"^bytes (\d+-\d+|\*)/\d+$"
    ),
    "Cache-Control": _sent("How long this may be kept", **_TEXT),
}  # fmt: skip
_OF_STATUS: Mapping[str, tuple[str, ...]] = {
    "401": ("WWW-Authenticate",),
    "403": ("WWW-Authenticate",),
    "405": ("Allow",),
    "409": ("Retry-After",),
    "416": ("Content-Range",),
    "429": ("Retry-After",),
    "503": ("Retry-After",),
}
_PARAMETERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "Range": ("One range of bytes; anything else gets all of them", {"examples": ["bytes=0-99"]}),
    "If-Range": ("The ETag of the version that `Range` is about; of another one, all is sent", {}),
    "If-Match": ("ETags, or `*`: refuse with 412 unless this is the version there is", {}),
    "If-None-Match": ("ETags, or `*`: refuse if this is the version there is, a GET with 304", {}),
}
_LATE: ProblemTypes = {BadRequest: ProblemType(408, "bad-request", "The body came too late")}
_ANY_REQUEST = {
    "MethodNotAllowed": documented(SHARED, MethodNotAllowed),
    "Misdirected": documented(SHARED, Misdirected),
    "Internal": documented(SHARED, Internal, StoreRefused),
}
_ANY_BODY = {"Late": documented(_LATE, BadRequest), "TooLarge": documented(SHARED, TooLarge)}


def headers(*names: str) -> dict[str, Any]:
    """Headers that a response of a route always has, for its entry in `responses`."""
    return {"headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names}}


def header_parameters(*names: str) -> list[dict[str, Any]]:
    """Headers of a request that a route reads itself, for the `parameters` of its `openapi_extra`."""
    return [
        {"name": name, "in": "header", "required": False, "description": words, "schema": {**_TEXT, **schema}}
        for name, (words, schema) in ((name, _PARAMETERS[name]) for name in names)
    ]


def links(source: str, parameter: str, *operations: str) -> dict[str, Any]:
    """What can be asked next of what a response is about, for its entry in `responses`: `parameter` is in `source`."""
    return {"links": {name: {"operationId": name, "parameters": {parameter: source}} for name in operations}}


def content(*media_types: str) -> dict[str, Any]:
    """The bytes of a response, of one of these types, for its entry in `responses`."""
    return {"content": {media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in media_types}}


def install(app: FastAPI) -> None:
    """Describe the app so, at /openapi.json."""
    app.openapi = functools.cache(lambda: _document(app))  # type: ignore[method-assign]  # as FastAPI documents it


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    components = document["components"]
    details = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    components["schemas"] |= details.pop("$defs") | {ProblemDetails.__name__: details}
    components["headers"] = dict(_HEADERS)
    components["responses"] = {
        name: _with_headers(str(status), response)
        for name, responses in (_ANY_REQUEST | _ANY_BODY).items()
        for status, response in responses.items()
    }
    for operations in document["paths"].values():
        for operation in operations.values():
            _complete(operation)
    return document


def _complete(operation: dict[str, Any]) -> None:
    """Add to an operation what holds for all of them."""
    responses = {status: _with_headers(status, told) for status, told in operation["responses"].items()}
    for name, common in (_ANY_REQUEST | (_ANY_BODY if "requestBody" in operation else {})).items():
        for status in map(str, common):
            responses.setdefault(status, {"$ref": f"#/components/responses/{name}"})
    operation["responses"] = dict(sorted(responses.items()))


def _with_headers(status: str, response: dict[str, Any]) -> dict[str, Any]:
    named = headers("X-Request-Id", *_OF_STATUS.get(status, ()))["headers"]
    description = response["description"].replace("Successful Response", HTTPStatus(int(status)).phrase)
    return {**response, "description": description, "headers": {**response.get("headers", {}), **named}}
