"""Passwords: argon2id, one hash a core at a time, and the rule for new ones.

A hash costs 19 MiB and some 20 ms of one core. So hashing is possible only in a turn (`with hashing.turn() as
argon`): as many turns as cores run, a few wait, the rest is refused at once, and memory stays bounded whatever
arrives.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import argon2

from fanfold_auth.errors import Busy, WeakPassword

SHORTEST, LONGEST = 8, 1024  # bytes of UTF-8
WAITERS_PER_CORE = 8  # at 20 ms a hash the last in the queue waits about 160 ms
LONGEST_WAIT = 5.0

_COMMONEST = frozenset(
    """
        password password1 password12 password123 passw0rd p@ssword p@ssw0rd 12345678 123456789 1234567890
    0123456789 87654321     987654321 11223344 12341234 12344321 11112222 qwertyui qwertyuiop qwerty12 qwerty123
    qwerty1234 1q2w3e4r 1q2w3e4r5t     1qaz2wsx 1qazxsw2 zaq12wsx asdfghjk asdfghjkl asdfasdf zxcvbnm1 q1w2e3r4
    abcdefgh abcd1234 abc12345 a1b2c3d4 letmein1     letmein123 welcome1 welcome123 iloveyou iloveyou1 sunshine
    princess football baseball basketball superman batman123     starwars trustno1 whatever computer internet
    michelle jennifer jonathan corvette mercedes dragon123 monkey123 master123     shadow123 michael1 charlie1
    changeme changeme1 changeme123 changeit default1 administrator admin123 admin1234 adminadmin     root1234
    rootroot test1234 testtest guestguest temp1234 secret123 mypassword minioadmin kubernetes fanfold1 fanfold123
    """.split()  # noqa: SIM905 (easier to read as lines)
)


@dataclass(frozen=True, slots=True)
class Cost:
    """argon2id's price of one hash: memory in KiB, passes over it. The least that ASVS allows with one lane."""

    memory: int = 19 * 1024
    passes: int = 2


class Argon:
    """Hashes and checks; got by `Hashing.turn` alone."""

    def __init__(self, cost: Cost) -> None:
        self._hasher = argon2.PasswordHasher(time_cost=cost.passes, memory_cost=cost.memory, parallelism=1)
        self._nobody = self._hasher.hash(os.urandom(16))

    def hash(self, password: str) -> str:
        """The password's hash with its salt and cost, as argon2 writes it."""
        return self._hasher.hash(password)

    def matches(self, encoded: str | None, password: str) -> bool:
        """Check a password. Without a hash (nobody of that name) the same work is done and the answer is no."""
        try:
            return self._hasher.verify(encoded or self._nobody, password) and encoded is not None
        except argon2.exceptions.VerificationError:
            return False


class Hashing:
    """The queue in front of argon2."""

    def __init__(self, cost: Cost | None = None, cores: int | None = None) -> None:
        cores = cores or _cores()
        self._argon = Argon(cost or Cost())
        self._running = threading.Semaphore(cores)
        self._places = threading.Semaphore(cores * (1 + WAITERS_PER_CORE))

    @contextmanager
    def turn(self) -> Iterator[Argon]:
        """Wait for a core and hold it. Raises Busy when the queue is full."""
        if not self._places.acquire(blocking=False):
            raise Busy
        try:
            if not self._running.acquire(timeout=LONGEST_WAIT):
                raise Busy
            try:
                yield self._argon
            finally:
                self._running.release()
        finally:
            self._places.release()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux alone knows which cores are ours
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_size(password: str) -> None:
    """Refuse what is outside 8 to 1024 bytes; a password is never cut. Raises WeakPassword."""
    size = len(password.encode())
    if size < SHORTEST:
        raise WeakPassword(f"The password has {size} bytes, fewer than {SHORTEST}. Choose a longer one.")
    if size > LONGEST:
        raise WeakPassword(f"The password has {size} bytes, more than {LONGEST}. Choose a shorter one.")


def check_strength(password: str, name: str) -> None:
    """Refuse what an attacker tries first. Raises WeakPassword."""
    check_size(password)
    plain = password.casefold()
    if plain in _COMMONEST:
        raise WeakPassword
    if len(set(plain)) < 3:
        raise WeakPassword("The password repeats one or two characters. Choose another.")
    if name in plain and not plain.replace(name, "").strip("0123456789!?.-_@#"):
        raise WeakPassword("The password is made of the user's name. Choose another.")
