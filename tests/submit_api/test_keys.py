"""The keys that verify tokens: fetched once, renewed early, served on while the auth service is away."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fanfold_submit.tokens.keys import FRESH, PAUSE, STALE, USABLE, Keys, KeysAway
from tests.submit_api.conftest import KeyServer, Signer
from tests.waiting import poll


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_one_fetch_serves_many_threads(key_server: KeyServer) -> None:
    keys = Keys(key_server.url)
    barrier = threading.Barrier(20)

    def find() -> object:
        barrier.wait()
        return keys.find("key-1")

    with ThreadPoolExecutor(20) as pool:
        found = [future.result() for future in [pool.submit(find) for _ in range(20)]]
    assert all(found) and key_server.asked == 1


def test_an_unknown_key_is_looked_up_at_most_once_in_a_while(key_server: KeyServer) -> None:
    clock = Clock()
    keys = Keys(key_server.url, clock)
    assert keys.find("key-1")
    key_server.signers.append(Signer("key-2"))
    assert keys.find("key-2") is None and key_server.asked == 1
    clock.now += PAUSE
    assert keys.find("key-2") and key_server.asked == 2
    for number in range(50):
        assert keys.find(f"flood-{number}") is None
    assert key_server.asked == 2


def test_old_keys_serve_while_the_auth_service_is_away(key_server: KeyServer) -> None:
    clock = Clock()
    keys = Keys(key_server.url, clock)
    assert keys.find("key-1")
    key_server.away = True
    clock.now += USABLE - 1
    assert keys.find("key-1")
    poll(lambda: key_server.asked == 2)
    clock.now += 2
    with pytest.raises(KeysAway):
        keys.find("key-1")


def test_a_token_that_has_ended_is_known_within_a_minute_however_seldom_anybody_asks(key_server: KeyServer) -> None:
    clock = Clock()
    keys = Keys(key_server.url, clock)
    assert keys.find("key-1") and not keys.has_ended("s")
    key_server.ended.append("s")
    clock.now += STALE
    keys.find("key-1")
    poll(lambda: keys.has_ended("s"))  # learnt in the background
    key_server.ended.append("t")
    clock.now += STALE + 1
    keys.find("key-1")
    assert keys.has_ended("t") and STALE + 15 < 60, "the auth service's own list may be some seconds old"


def test_what_is_known_is_found_without_asking(key_server: KeyServer) -> None:
    clock = Clock()
    keys = Keys(key_server.url, clock)
    assert keys.known("key-1") is None and key_server.asked == 0
    found = keys.find("key-1")
    assert found and keys.known("key-1") == found and keys.known("stranger") is None and key_server.asked == 1
    key_server.ended.append("s")
    clock.now += FRESH + 1
    assert keys.known("key-1") == found
    poll(lambda: keys.has_ended("s"))  # learnt in the background
    clock.now += STALE + 1
    assert keys.known("key-1") is None and key_server.asked == 2


def test_nobody_waits_twice_for_an_auth_service_that_is_away(key_server: KeyServer) -> None:
    clock = Clock()
    keys = Keys(key_server.url, clock)
    assert keys.find("key-1")
    key_server.ended.append("s")
    key_server.away = True
    clock.now += STALE + 1
    assert keys.find("key-1") and key_server.asked == 2
    with keys._lock:  # as when a thread waits for an answer
        assert keys.find("key-1") and not keys.has_ended("s")
    key_server.away = False
    clock.now += PAUSE
    keys.find("key-1")
    poll(lambda: keys.has_ended("s"))


@pytest.mark.parametrize("ended", [None, "s", {"s": 1}, [["s"], 7]])
def test_an_issuer_that_lists_no_ended_tokens_ends_none(key_server: KeyServer, ended: Any) -> None:
    key_server.ended = ended
    keys = Keys(key_server.url)
    assert keys.find("key-1") and not keys.has_ended("s")


def test_keys_are_renewed_before_they_are_needed(key_server: KeyServer) -> None:
    clock = Clock()
    keys = Keys(key_server.url, clock)
    assert keys.find("key-1")
    key_server.signers.append(Signer("key-2"))
    clock.now += FRESH + 1
    assert keys.find("key-1")
    poll(lambda: key_server.asked == 2)
    poll(lambda: keys.find("key-2"))
    assert key_server.asked == 2


def test_a_key_that_is_withdrawn_verifies_nothing(key_server: KeyServer) -> None:
    clock = Clock()
    keys = Keys(key_server.url, clock)
    assert keys.find("key-1")
    key_server.signers.clear()
    clock.now += FRESH + 1
    keys.find("key-1")
    poll(lambda: keys.find("key-1") is None)


def test_without_keys_nobody_is_judged(key_server: KeyServer) -> None:
    key_server.away = True
    keys = Keys(key_server.url)
    assert not keys.ready
    with pytest.raises(KeysAway):
        keys.find("key-1")


def test_readiness_fetches_no_keys_that_are_there_and_tries_in_vain_only_now_and_then(key_server: KeyServer) -> None:
    clock = Clock()
    keys = Keys(key_server.url, clock)
    key_server.away = True
    assert not keys.ready and not keys.ready and key_server.asked == 1
    key_server.away = False
    clock.now += PAUSE
    assert keys.ready and key_server.asked == 2
    clock.now += PAUSE
    assert keys.ready and key_server.asked == 2
