"""A clock to turn, and replicas of the auth service to call: each a whole app of its own on records they may share."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI

from fanfold_auth.accounts.passwords import Cost, Hashing
from fanfold_auth.accounts.users import USERS
from fanfold_auth.app import build_app
from fanfold_auth.service import Service
from fanfold_auth.settings import Settings
from fanfold_storage.records.protocol import Records, Write

CHEAP = Cost(memory=8, passes=1)
START = 1_800_000_000.0
PASSWORD = "quite a long pass phrase"


def as_before_ids(records: Records, name: str) -> None:
    """Store a user as versions did that knew no ids and no stamps."""
    record = records.get(USERS + name)
    assert record
    old = {field: value for field, value in record.value.items() if field not in {"id", "stamp"}}
    records.transact([], [Write(record.key, old | {"epoch": f"e-{name}"})])


class Clock:
    """The time that a service believes."""

    def __init__(self, moment: float = START) -> None:
        self.moment = moment

    def __call__(self) -> float:
        return self.moment

    def forward(self, seconds: float) -> None:
        self.moment += seconds


class Client:
    """Calls an app in this process, from any number of threads: real requests, no sockets."""

    _loop = asyncio.new_event_loop()
    _runner = threading.Thread(target=_loop.run_forever, daemon=True)

    def __init__(self, app: FastAPI, address: str = "192.0.2.1") -> None:
        if not self._runner.is_alive():
            self._runner.start()
        transport = httpx.ASGITransport(app, client=(address, 50_000))
        self._client = httpx.AsyncClient(transport=transport, base_url="http://auth.test")

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        call = self._client.request(method, path, **options)
        return asyncio.run_coroutine_threadsafe(call, self._loop).result(timeout=60)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Any) -> httpx.Response:
        return self.request("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> httpx.Response:
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> httpx.Response:
        return self.request("DELETE", path, **options)


@dataclass(frozen=True)
class Replica:
    """One app and a client that calls it."""

    service: Service
    http: Client

    def login(self, name: str, password: str = PASSWORD) -> httpx.Response:
        return self.http.post("/v1/login", json={"name": name, "password": password})

    def tokens(self, name: str, password: str = PASSWORD) -> dict[str, Any]:
        answer = self.login(name, password)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def bearer(self, name: str) -> dict[str, str]:
        return bearer(self.tokens(name)["access_token"])

    def refresh(self, token: str) -> httpx.Response:
        return self.http.post("/v1/token", data={"grant_type": "refresh_token", "refresh_token": token})

    def me(self, access_token: str) -> httpx.Response:
        return self.http.get("/v1/me", headers=bearer(access_token))


def bearer(access_token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {access_token}"}


def start_replica(settings: Settings, records: Records, now: Callable[[], float], **changes: Any) -> Replica:
    app = build_app(settings.model_copy(update=changes), records, now, Hashing(CHEAP))
    return Replica(app.state.service, Client(app))
