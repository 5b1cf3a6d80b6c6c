"""Requests that come from browsers: their parameters, and refusals as pages."""

from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request, Response

from fanfold_auth.http.answering import AnsweringRoute
from fanfold_auth.http.problem_types import PROBLEM_TYPES
from fanfold_auth.openid.refusals import BadAuthorization
from fanfold_auth.pages.rendering import page
from fanfold_web.http.problems import headers_of, note
from fanfold_web.refusals import Refusal

MOST_PARAMETERS = 50


class PageRoute(AnsweringRoute):
    """A route that answers refusals with a page."""

    @staticmethod
    def answer(request: Request, refusal: Refusal) -> Response:
        """The page that tells of a refusal."""
        problem_type = PROBLEM_TYPES[type(refusal)]
        note(request, problem_type, why=refusal.detail)
        return page("message", status=problem_type.status, title=problem_type.title, text=refusal.detail, wrong=True)


def refused(request: Request, response: Response, refusal: Refusal) -> Response:
    """A page that says what was wrong and can be used again, answered as the refusal is."""
    problem_type = PROBLEM_TYPES[type(refusal)]
    note(request, problem_type, why=refusal.detail)
    response.status_code = problem_type.status
    response.headers.update(headers_of(refusal, problem_type))
    return response


def parameters_of(text: str) -> dict[str, str]:
    """The parameters in a query or a form; empty ones count as left out. Raises BadAuthorization: one is sent twice."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_PARAMETERS, errors="strict")
    except ValueError:
        raise BadAuthorization("The parameters can't be read. Tell whoever runs the application.") from None
    if len(dict(pairs)) != len(pairs):
        raise BadAuthorization("A parameter is sent twice (RFC 6749 §3.1). Tell whoever runs the application.")
    return {name: content for name, content in pairs if content}


async def _query(request: Request) -> dict[str, str]:
    return parameters_of(request.url.query)


Query = Annotated[dict[str, str], Depends(_query)]
