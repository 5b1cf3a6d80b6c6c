"""Form-encoded requests, as OAuth has them: no parameter twice (RFC 6749 §3.2), unknown ones ignored."""

from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from fanfold_auth.refusals import InvalidTokenRequest

_MEDIA_TYPE = "application/x-www-form-urlencoded"


def is_form(request: Request) -> bool:
    """Whether the body is form-encoded."""
    return request.headers.get("content-type", "").split(";")[0].strip().lower() == _MEDIA_TYPE


async def form_of(request: Request) -> dict[str, str]:
    """The parameters in the body. Raises InvalidTokenRequest."""
    if not is_form(request):
        raise InvalidTokenRequest(f"The body must be form-encoded. Send Content-Type: {_MEDIA_TYPE}.")
    try:
        pairs = parse_qsl((await request.body()).decode(), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise InvalidTokenRequest("The body is not a form of at most 20 parameters. See /openapi.json.") from None
    if len(dict(pairs)) != len(pairs):
        raise InvalidTokenRequest("A parameter is given twice. Send each once.")
    return dict(pairs)


Form = Annotated[dict[str, str], Depends(form_of)]


def documented_form(example: dict[str, str], *required: str, **others: str) -> dict[str, Any]:
    """The form of an operation for its OpenAPI `openapi_extra`; `others` are described instead of shown."""
    properties = {name: {"type": "string", "minLength": 1, "example": value} for name, value in example.items()}
    properties |= {name: {"type": "string", "description": words} for name, words in others.items()}
    once = {"type": "string"}  # no parameter may be given twice (RFC 6749 §3.2)
    schema = {"type": "object", "properties": properties, "required": list(required), "additionalProperties": once}
    return {"requestBody": {"required": True, "content": {_MEDIA_TYPE: {"schema": schema, "example": example}}}}


def optional_form(**example: str) -> dict[str, Any]:
    """A form that may be left out, for `openapi_extra`, as an example shows it."""
    properties = {name: {"type": "string"} for name in example}
    schema = {"type": "object", "properties": properties, "additionalProperties": {"type": "string"}}
    return {"requestBody": {"required": False, "content": {_MEDIA_TYPE: {"schema": schema, "example": example}}}}
