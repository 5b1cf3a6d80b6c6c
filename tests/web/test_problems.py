"""What FastAPI refuses is a problem with a fixed word, whatever Python calls the status."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from fanfold_web.http import problems
from fanfold_web.http.envelope import Envelope
from fanfold_web.http.problem_types import SHARED
from fanfold_web.metrics import Metrics


async def ask(path: str, status: int) -> httpx.Response:
    app = FastAPI()
    app.add_middleware(Envelope, service="test", metrics=Metrics("test"), limit=lambda _: None)
    problems.install(app, SHARED, {})

    @app.get("/raise")
    async def refuse() -> None:
        raise HTTPException(status, "said so")

    @app.post("/number")
    async def number(body: dict[str, int]) -> dict[str, int]:
        return body

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return await (client.post(path, json={"a": "s3cret"}) if path == "/number" else client.get(path))


@pytest.mark.parametrize(
    ("path", "status", "slug"),
    [
        ("/none", 404, "not-found"), ("/number", 422, "invalid"), ("/raise", 400, "bad-request"),
        ("/raise", 405, "method-not-allowed"), ("/raise", 413, "too-large"), ("/raise", 415, "bad-request"),
        ("/raise", 502, "internal-error"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.anyio
async def test_a_status_has_a_word(path: str, status: int, slug: str, anyio_backend: Any) -> None:
    answer = await ask(path, status)
    body = problems.ProblemDetails.model_validate(answer.json())
    assert answer.status_code == body.status == status
    assert body.type == f"urn:fanfold:problem:{slug}" and answer.headers["Content-Type"] == problems.MEDIA_TYPE
    assert "s3cret" not in answer.text
    if slug == "invalid":
        assert body.errors and body.errors[0].pointer == "/body/a"


def test_wrong_fields_are_listed_as_far_as_somebody_reads_them() -> None:
    """Five in the sentence, twenty as `errors`, each of bounded length: a body may be full of mistakes."""
    wrong = [{"loc": ("body", f"f{number}"), "msg": "Field required"} for number in range(100)]
    cases = ((1, 1, 1, ""), (5, 5, 5, ""), (7, 5, 7, "; and 2 more"), (100, 5, 20, "; and 95 more"))
    for count, told, listed, more in cases:
        sentence, errors = problems.field_errors(RequestValidationError(wrong[:count]))
        assert [error["pointer"] for error in errors] == [f"/body/f{number}" for number in range(listed)]
        assert sentence == "; ".join(f"/body/f{number}: Field required" for number in range(told)) + f"{more}."
    _, (long,) = problems.field_errors(RequestValidationError([{"loc": ("x" * 1000,), "msg": "y" * 1000}]))
    assert (len(long["pointer"]), len(long["detail"])) == (301, 301)
