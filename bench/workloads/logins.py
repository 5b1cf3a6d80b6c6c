"""What proving who one is costs: checks of tokens; logins beside argon2; refreshes, codes beside bare transactions."""

import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import argon2

from bench.harness.load import CONNECTIONS, Request, ask, converse, in_threads, repeat, send_all
from bench.harness.ways import scratch
from bench.services.running import Up, services
from bench.workloads.services import Timed, in_turn
from fanfold_auth.accounts.passwords import Cost
from fanfold_auth.accounts.users import Users
from fanfold_auth.openid.clients import Client, Clients
from fanfold_auth.openid.codes import Codes
from fanfold_auth.openid.requests import AuthorizationRequest
from fanfold_auth.settings import Settings
from fanfold_auth.tokens.sessions import FAMILIES, Sessions, Source
from fanfold_storage.records import Expect, Records, Write
from fanfold_storage.urls import open_records
from fanfold_submit.tokens.keys import Keys
from fanfold_web.tokens.access_tokens import Verifier

COUNT = 300  # of a round
CHECKS = 3000
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CLIENT, SECRET, BACK = "bench", "s" * 43, "https://app.example.org/callback"
Figures = dict[str, Any]


def measure(scale: float) -> Figures:
    """All of them, one after the other on the same service."""
    count = max(2 * CONNECTIONS, round(COUNT * scale))
    with scratch() as folder, services(folder) as up, closing(open_records(up.records)) as records:
        return {
            "checks": in_turn(_checks(up, max(100, round(CHECKS * scale)))),
            "logins": in_turn({"argon2": _argon(count), "login": lambda: _logins(up, count)}),
            "grants": in_turn(
                {
                    "raw": lambda: _transactions(records, count),
                    "refresh": lambda: _refreshes(up, count),
                    "code": _codes(up, records, count),
                }
            ),
        }


def _checks(up: Up, count: int) -> dict[str, Callable[[], int]]:
    """Checks of tokens in one thread, without a request: of tokens that were never seen, and of one again and again."""
    answers = send_all(up.auth_port, [up.login() for _ in range(50)])
    tokens = [json.loads(answer)["access_token"] for answer in answers]
    keys = Keys(f"http://127.0.0.1:{up.auth_port}/v1/keys")

    def verifier() -> Verifier:
        return Verifier(f"http://127.0.0.1:{up.auth_port}", "fanfold", keys.find, time.time)

    def check_new() -> int:
        for first in range(0, count, len(tokens)):
            fresh = verifier()  # has seen none of the tokens
            for token in tokens[: count - first]:
                fresh.verify(token)
        return count

    def check_known() -> int:
        one = verifier()
        for _ in range(count):
            one.verify(tokens[0])
        return count

    return {"new": check_new, "known": check_known}


def _argon(count: int) -> Callable[[], int]:
    """Nothing but the hashes that as many logins compute, in as many threads as the service has for them."""
    cost = Cost()
    hasher = argon2.PasswordHasher(time_cost=cost.passes, memory_cost=cost.memory, parallelism=1)
    encoded = hasher.hash("correct horse battery staple")

    def check() -> int:
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
            return sum(threads.map(lambda _: hasher.verify(encoded, "correct horse battery staple"), range(count)))

    return check


def _logins(up: Up, count: int) -> int:
    return len(repeat(up.auth_port, up.login(), count=count))


def _transactions(records: Records, count: int) -> int:
    """Compare-and-set transactions on records as large as a family's, each read before, in a few threads."""
    value = {"user": "admin", "epoch": "e" * 20, "expires": 1.8e9, "current": "c" * 64, "previous": "p" * 64}
    value |= {"rotated": 1.8e9, "sealed": "s" * 160}
    numbers = iter(range(count))

    def change() -> None:
        key = f"bench/{FAMILIES}{secrets.token_urlsafe(16)}"
        for number in numbers:
            found = records.get(key)
            write = Write(key, value | {"rotated": number}, expires_in=3600.0)
            assert isinstance(records.transact([Expect.as_read(key, found)], [write]), int)

    in_threads(CONNECTIONS, change)
    return count


def _refreshes(up: Up, count: int) -> Timed:
    """Refreshes of a few logins, each over a connection of its own."""
    firsts = [_refresh_of(ask(up.auth_port, up.login())) for _ in range(CONNECTIONS)]
    began = time.perf_counter()
    return converse(up.auth_port, firsts, _refresh_of, count=count), time.perf_counter() - began


def _refresh_of(answer: bytes) -> Request:
    form = {"grant_type": "refresh_token", "refresh_token": json.loads(answer)["refresh_token"]}
    return Request("POST", "/v1/token", FORM, urlencode(form).encode())


def _codes(up: Up, records: Records, count: int) -> Callable[[], Timed]:
    """Exchanges of codes, which are stored as the login page stores them, a minute before at most."""
    users = Users(records)
    sessions = Sessions(records, users)
    client = Clients(records).put(Client(CLIENT, (BACK,), pkce=False), SECRET)
    session, _ = sessions.start_browser(users.get("admin"), 3600.0, Source(), None)
    codes = Codes(records, sessions, Settings(issuer=f"http://127.0.0.1:{up.auth_port}", kek_file=Path(os.devnull)))
    request = AuthorizationRequest(CLIENT, BACK, ("openid",), time.time(), client_stamp=client.stamp)

    def exchanges() -> Iterator[Request]:
        for code in [codes.issue(request, session) for _ in range(count)]:
            form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
            form |= {"client_id": CLIENT, "client_secret": SECRET}
            yield Request("POST", "/token", FORM, urlencode(form).encode())

    def exchange() -> Timed:
        ready = list(exchanges())
        began = time.perf_counter()
        return len(send_all(up.auth_port, ready)), time.perf_counter() - began

    return exchange
