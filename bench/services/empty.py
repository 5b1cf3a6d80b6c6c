"""`python -m bench.services.empty`: routes that only answer, served with the services' own settings for uvicorn.

The body of a POST is what all of them answer from then on, so that they answer as many bytes as the service does.
Prints its port.
"""

from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse

from fanfold_web.server import configure, listen, prepare_process

app = FastAPI()
answer: dict[str, Any] = {}


@app.get("/sync")
def answer_in_thread() -> JSONResponse:
    """As a route that waits for a store: in a thread."""
    return JSONResponse(answer)


@app.get("/async")
async def answer_at_once() -> JSONResponse:
    """In the event loop."""
    return JSONResponse(answer)


@app.post("/answer")
async def take(body: dict[str, Any]) -> None:
    """What to answer from now on."""
    answer.update(body)


if __name__ == "__main__":
    prepare_process()
    with listen("127.0.0.1", 0) as listener:
        print(listener.getsockname()[1], flush=True)
        uvicorn.Server(configure(app)).run([listener])
