"""The password rule, argon2 at its real price, and the queue in front of it."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from fanfold_auth.accounts.passwords import (
    LONGEST,
    TURNS_PER_CORE,
    WAITERS_PER_CORE,
    Argon,
    Cost,
    Hashing,
    check_strength,
)
from fanfold_auth.refusals import Busy, WeakPassword
from tests.auth_api.service import CHEAP


@pytest.mark.parametrize(
    "password",
    [
        "", "seven77", "password", "Password123", "PASSW0RD", "12345678", "qwertyuiop", "changeme", "kubernetes",
        "aaaaaaaaaa", "abababababab", "ada-lovelace", "Ada-Lovelace1", "ada-lovelace2026!", "ada-lovelaceada-lovelace",
        "x1" * 512 + "y", "é" * 3,
        "Summer2026!", "liverpool99", "m0nk3y!!", "p4$$word", "P@ssw0rd!", "jennifer", "mountain", "dragondragon",
        "23456789", "zyxwvuts", "lkjhgfdsa", "minioadmin", "!!Fanfold1",
    ],
)  # fmt: skip
def test_weak(password: str) -> None:
    with pytest.raises(WeakPassword):
        check_strength(password, "ada-lovelace")


@pytest.mark.parametrize(
    "password",
    [
        "battery staple",
        "8 bytes!",
        "é漢字ab",
        "48151623421",
        "xyz" * 341,
        "mountain goats",
        "correct horse battery",
        "sj4kd92mx0",
        " leading",
        "a\x00bcdefgh",
    ],
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

    class Held:
        def verify(self, encoded: str, password: str) -> bool:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            release.wait(10)
            with lock:
                running -= 1
            return True

    hashing._argon._hasher = Held()  # type: ignore[assignment]

    def work() -> None:
        with hashing.turn() as argon:
            done.append(argon.matches("a hash", "a password"))

    places = cores * (TURNS_PER_CORE + WAITERS_PER_CORE)
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


def test_a_core_is_not_idle_while_whoever_has_a_turn_waits_for_the_records() -> None:
    hashing, answers = Hashing(CHEAP, 1), list[bool]()

    def log_in() -> None:
        with hashing.turn() as argon:
            answers.append(argon.matches(argon.hash("a"), "a"))

    with hashing.turn():  # the records have not answered yet
        other = threading.Thread(target=log_in)
        other.start()
        other.join(4)
        assert answers == [True]


def test_an_error_in_a_turn_gives_the_turn_back() -> None:
    hashing = Hashing(CHEAP, 1)
    for _ in range(3 * (TURNS_PER_CORE + WAITERS_PER_CORE)):
        with pytest.raises(ZeroDivisionError), hashing.turn():
            raise ZeroDivisionError
    with hashing.turn() as argon:
        assert argon.matches(argon.hash("a"), "a")


def test_the_ten_thousand_commonest_passwords_are_weak() -> None:
    """ASVS 6.2.4 wants 3,000 of those that are long enough."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    commonest = [password for password in FREQUENCY_LISTS["passwords"] if len(password) >= 8][:10_000]
    assert len(commonest) == 10_000
    for password in commonest:
        for spelling in (password, password.upper(), *([f"{password}1!"] if password.isalpha() else [])):
            with pytest.raises(WeakPassword):
                check_strength(spelling, "somebody")


def test_hashes_are_computed_by_as_many_threads_as_there_are_cores() -> None:
    """Each thread that computes one keeps its memory."""
    hashing, threads = Hashing(CHEAP, 2), set[str]()
    hasher = hashing._argon._hasher

    class Noting:
        def verify(self, encoded: str, password: str) -> bool:
            threads.add(threading.current_thread().name)
            return hasher.verify(encoded, password)

    hashing._argon._hasher = Noting()  # type: ignore[assignment]

    def login(_: int) -> bool:
        with hashing.turn() as argon:
            return argon.matches(None, "a password")

    with ThreadPoolExecutor(12) as pool:
        assert not any(pool.map(login, range(12)))
    assert 1 <= len(threads) <= 2 and all(name.startswith("argon2") for name in threads)


@pytest.mark.thorough
def test_logins_in_forty_threads_keep_no_more_memory_than_in_two() -> None:
    program = """if True:
        import resource, threading
        from concurrent.futures import ThreadPoolExecutor
        from fanfold_auth.accounts.passwords import Hashing
        hashing, together = Hashing(cores=2), threading.Barrier(40)
        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        before = peak()
        def login(number):
            together.wait()
            for _ in range(3):
                try:
                    with hashing.turn() as argon:
                        argon.matches(None, "a password")
                except Exception:
                    pass
        with ThreadPoolExecutor(40) as pool:
            list(pool.map(login, range(40)))
        print(peak() - before)
    """
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=True)
    assert int(run.stdout) < 120, "MiB; 19 for each hash, of which two run, and what the C library keeps of each"
