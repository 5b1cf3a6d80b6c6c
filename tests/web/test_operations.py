"""What HTTP has every resource answer: HEAD, OPTIONS, `Allow`; and which hosts may be named."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel, field_validator

from fanfold_web.http import problems
from fanfold_web.http.envelope import Envelope
from fanfold_web.http.operations import ThreadedRoute, include, operation_id
from fanfold_web.http.problem_types import SHARED
from fanfold_web.metrics import Metrics
from tests.web.served import served

HOSTS = ("127.0.0.1", "localhost", "::1")


def app_of(*hosts: str) -> FastAPI:
    app = FastAPI(generate_unique_id_function=operation_id)
    app.add_middleware(Envelope, service="test", metrics=Metrics("test"), limit=lambda _: 100, hosts=hosts)
    problems.install(app, SHARED, {})
    router = APIRouter()

    @router.get("/v1/things/{name}")
    def show_thing(name: str) -> dict[str, str]:
        return {"name": name}

    @router.put("/v1/things/{name}")
    def put_thing(name: str) -> None:
        return None

    include(app, router)
    return app


@contextmanager
def client_of(*hosts: str) -> Iterator[httpx.Client]:
    with served(app_of(*hosts)) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with client_of() as client:
        yield client


@pytest.fixture(scope="module")
def on_loopback() -> Iterator[httpx.Client]:
    with client_of(*HOSTS) as client:
        yield client


def test_a_threaded_route_goes_to_a_thread_once() -> None:
    threads: dict[str, str] = {}

    class Thing(BaseModel):
        name: str

        @field_validator("name")
        @classmethod
        def _noted(cls, name: str) -> str:
            threads["check"] = threading.current_thread().name
            return name

    app = FastAPI(generate_unique_id_function=operation_id)
    router = APIRouter(route_class=ThreadedRoute)

    @router.get("/thing", response_model=Thing)
    def show_thing() -> dict[str, str]:
        threads["work"] = threading.current_thread().name
        return {"name": "a"}

    @router.get("/loop")
    async def show_loop() -> dict[str, str]:
        return {"name": threading.current_thread().name}

    include(app, router)
    with served(app) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        loop = client.get("/loop").json()["name"]
        assert client.get("/thing").json() == {"name": "a"}
        assert threads["check"] == loop != threads["work"]


def test_head_is_answered_as_get_is(client: httpx.Client) -> None:
    get, head = client.get("/v1/things/a"), client.head("/v1/things/a")
    assert head.status_code == 200 and head.headers["content-length"] == get.headers["content-length"]


def test_options_and_refused_methods_name_every_method(client: httpx.Client) -> None:
    options, refused = client.options("/v1/things/a"), client.post("/v1/things/a")
    assert (options.status_code, options.content, refused.status_code) == (204, b"", 405)
    assert options.headers["allow"] == refused.headers["allow"] == "GET, HEAD, OPTIONS, PUT"
    assert client.options("/v1/none").status_code == 404


def test_operations_are_named_for_people(client: httpx.Client) -> None:
    operations = client.get("/openapi.json").json()["paths"]["/v1/things/{name}"]
    assert {method: found["operationId"] for method, found in operations.items()} == {
        "get": "show_thing",
        "put": "put_thing",
    }


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "127.0.0.1:1338"}, 200),
        ({"Host": "LOCALHOST"}, 200),
        ({"Host": "[::1]:1338"}, 200),
        ({"Host": "evil.example:1338"}, 421),
        ({"Host": "127.0.0.1.evil.example"}, 421),
        ({"Host": "evil.example@127.0.0.1:80"}, 200),
        ({"Host": "127.0.0.1@evil.example"}, 421),
        ({"Host": ""}, 421),
        ({"Host": "[::1"}, 421),
        ({"Host": "localhost", "Origin": "http://localhost:1338"}, 200),
        ({"Host": "localhost", "Origin": "http://evil.example"}, 421),
        ({"Host": "localhost", "Origin": "null"}, 421),
    ],
)
def test_on_loopback_a_foreign_host_or_origin_is_refused(
    on_loopback: httpx.Client, headers: dict[str, str], status: int
) -> None:
    answer = on_loopback.get("/v1/things/a", headers=headers)
    assert answer.status_code == status
    assert status == 200 or answer.json()["type"] == "urn:fanfold:problem:misdirected"


def test_without_names_of_its_own_a_service_is_reached_by_any(client: httpx.Client) -> None:
    assert client.get("/v1/things/a", headers={"Host": "fanfold.example"}).status_code == 200


def test_two_lengths_of_one_body_end_the_connection() -> None:
    request = (
        b"PUT /v1/things/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    )
    with served(app_of()) as port, socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request + b"GET /v1/things/smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 400 ") and answer.count(b"HTTP/1.1") == 1 and b"smuggled" not in answer
