"""Requests and responses as OAuth has them: how clients say who they are, and errors as RFC 6749 §5.2 spells them."""

import base64
import binascii
from urllib.parse import unquote_plus

from fastapi import Request
from fastapi.responses import JSONResponse

from fanfold_auth.http.answering import AnsweringRoute
from fanfold_auth.http.problem_types import PROBLEM_TYPES
from fanfold_auth.http.problems import refusals
from fanfold_auth.openid.clients import Client
from fanfold_auth.openid.refusals import InvalidClient
from fanfold_auth.refusals import InvalidTokenRequest
from fanfold_auth.service import Service
from fanfold_web.http.problems import MEDIA_TYPE, Responses, note, response_to
from fanfold_web.refusals import Refusal


class OAuthRoute(AnsweringRoute):
    """A route that answers refusals by `error` and `error_description`, as JSON."""

    @staticmethod
    def answer(request: Request, refusal: Refusal) -> JSONResponse:
        """The response that tells an application of a refusal."""
        problem_type = PROBLEM_TYPES[type(refusal)]
        note(request, problem_type, why=refusal.detail)
        general = "invalid_request" if problem_type.status < 500 else "temporarily_unavailable"
        response = response_to(
            refusal, problem_type, error=problem_type.members.get("error", general), error_description=refusal.detail
        )
        response.headers["Content-Type"] = "application/json"
        if isinstance(refusal, InvalidClient) and "authorization" in request.headers:
            response.headers["WWW-Authenticate"] = 'Basic realm="fanfold"'  # RFC 6749 §5.2
        return response


def oauth_refusals(*classes: type[Refusal]) -> Responses:
    """The refusals of an operation, for its OpenAPI `responses`; only the store's own come as problems alone."""
    responses = refusals(*classes)
    for response in responses.values():
        content = response["content"]
        content["application/json"] = content[MEDIA_TYPE]
    return responses


def client_of(request: Request, service: Service, form: dict[str, str]) -> tuple[Client, str]:
    """Who sends a token request, and how it said so: `basic`, `post` or `none`. Raises InvalidClient."""
    authorization = request.headers.get("authorization")
    if authorization is None:
        if not form.get("client_id"):
            raise InvalidClient("The client doesn't say who it is: send client_id, and its secret if it has one.")
        secret = form.get("client_secret", "")
        return service.openid.clients.authenticated(form["client_id"], secret), "post" if secret else "none"
    if "client_secret" in form:
        raise InvalidTokenRequest("The client's secret is sent twice. Send it in one way (RFC 6749 §2.3).")
    name, secret = _basic(authorization)
    if form.get("client_id", name) != name:
        raise InvalidTokenRequest("The client_id in the form is not the one in the Authorization header.")
    return service.openid.clients.authenticated(name, secret), "basic"


def _basic(authorization: str) -> tuple[str, str]:
    """Id and secret in `Basic …`, each of them form-encoded before (RFC 6749 §2.3.1)."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        name, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        colon = ""
    if scheme.lower() != "basic" or not colon:
        raise InvalidClient("The Authorization header must be 'Basic', with the client's id and secret.")
    return unquote_plus(name), unquote_plus(secret)
