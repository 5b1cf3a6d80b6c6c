"""What FastAPI refuses is a problem with a fixed word, whatever Python calls the status."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.exceptions import HTTPException

from fanfold_web import problems
from fanfold_web.envelope import Envelope
from fanfold_web.metrics import Metrics


async def ask(path: str, status: int) -> httpx.Response:
    app = FastAPI()
    app.add_middleware(Envelope, service="test", metrics=Metrics("test"), limit=lambda _: None)
    problems.install(app)

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
