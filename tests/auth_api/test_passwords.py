"""The password rule, argon2 at its real price, and the queue in front of it."""

import threading

import pytest

from fanfold_auth.errors import Busy, WeakPassword
from fanfold_auth.passwords import LONGEST, WAITERS_PER_CORE, Argon, Cost, Hashing, check_strength
from tests.auth_api.service import CHEAP


@pytest.mark.parametrize(
    "password",
    [
        "", "seven77", "password", "Password123", "PASSW0RD", "12345678", "qwertyuiop", "changeme", "kubernetes",
        "aaaaaaaaaa", "abababababab", "ada-lovelace", "Ada-Lovelace1", "ada-lovelace2026!", "ada-lovelaceada-lovelace",
        "x1" * 512 + "y", "é" * 3,
    ],
)  # fmt: skip
def test_weak(password: str) -> None:
    with pytest.raises(WeakPassword):
        check_strength(password, "ada-lovelace")


@pytest.mark.parametrize(
    "password", ["battery staple", "8 bytes!", "é漢字ab", "48151623421", "xyz" * 341, " leading", "a\x00bcdefgh"]
)
def test_strong_enough(password: str) -> None:
    check_strength(password, "ada-lovelace")


def test_the_real_price_is_what_the_design_says() -> None:
    with Hashing().turn() as argon:
        encoded = argon.hash("battery staple")
        assert encoded.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        assert argon.matches(encoded, "battery staple")
        assert not argon.matches(encoded, "battery staples")
        assert not argon.matches(None, "battery staple")


@pytest.mark.parametrize("length", [72, 73, LONGEST])
def test_no_password_is_cut(length: int) -> None:
    argon = Argon(CHEAP)
    encoded = argon.hash("x" * (length - 1) + "y")
    assert argon.matches(encoded, "x" * (length - 1) + "y")
    assert not argon.matches(encoded, "x" * (length - 1) + "z")
    assert not argon.matches(encoded, "x" * (length - 1))
    assert not argon.matches(argon.hash("a\x00b"), "a\x00c")


def test_nobody_matches_not_even_by_luck() -> None:
    argon = Argon(Cost(memory=8, passes=1))
    argon._nobody = argon.hash("lucky guess")
    assert not argon.matches(None, "lucky guess")


def test_one_hash_a_core_a_short_queue_and_then_no() -> None:
    """STRIDE 54."""
    cores = 2
    hashing = Hashing(CHEAP, cores)
    running, most, lock, release = 0, 0, threading.Lock(), threading.Event()
    done: list[bool] = []

    def work() -> None:
        nonlocal running, most
        with hashing.turn():
            with lock:
                running += 1
                most = max(most, running)
            release.wait(10)
            with lock:
                running -= 1
        done.append(True)

    places = cores * (1 + WAITERS_PER_CORE)
    threads = [threading.Thread(target=work) for _ in range(places)]
    for thread in threads:
        thread.start()
    deadline = threading.Event()
    while hashing._places._value and not deadline.wait(0.005):
        pass
    with pytest.raises(Busy), hashing.turn():
        pass
    release.set()
    for thread in threads:
        thread.join(10)
    assert (most, len(done)) == (cores, places)
    with hashing.turn():
        pass


def test_an_error_in_a_turn_gives_the_turn_back() -> None:
    hashing = Hashing(CHEAP, 1)
    for _ in range(3 * (1 + WAITERS_PER_CORE)):
        with pytest.raises(ZeroDivisionError), hashing.turn():
            raise ZeroDivisionError
    with hashing.turn() as argon:
        assert argon.matches(argon.hash("a"), "a")
