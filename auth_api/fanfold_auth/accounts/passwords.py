"""Passwords: argon2id, one hash per core at a time, and the rules for new ones.

A hash takes 19 MiB and some 20 ms of one core, so hashing needs a turn (`with hashing.turn() as argon`). There are two
turns for each core, so that no core is idle while whoever has a turn waits for the records. A few callers wait for
theirs, and the rest are refused at once.

Hashes are computed in a pool of as many threads as there are cores, so memory stays bounded whatever arrives. The C
library keeps the memory that a thread has used, and otherwise each of the forty threads that serve requests would end
up keeping 19 MiB or more.
"""

import functools
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import argon2

from fanfold_auth.refusals import Busy, WeakPassword

SHORTEST, LONGEST = 8, 1024  # bytes of UTF-8
TURNS_PER_CORE = 2
WAITERS_PER_CORE = 8  # at 20 ms a hash the last in the queue waits about 160 ms
LONGEST_WAIT = 5.0

_KEY_ROWS = ("0123456789" * 2, "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm")

# Passwords that software like this is installed with; the lists of common passwords lack them.
_DEFAULTS = frozenset({"changeit", "adminadmin", "rootroot", "guestguest", "minioadmin", "kubernetes", "fanfold"})
_RUNS = tuple(run for row in _KEY_ROWS for run in (row, row[::-1]))
_AFFIXES = "0123456789!?.,-_@#$%&*+="
_SUBSTITUTES = str.maketrans({"@": "a", "4": "a", "3": "e", "1": "i", "0": "o", "$": "s", "5": "s", "7": "t"})


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one argon2id hash: memory in KiB and passes over it. The least that ASVS allows with one lane."""

    memory: int = 19 * 1024
    passes: int = 2


class Argon:
    """Hashes and checks passwords; only `Hashing.turn` hands it out."""

    def __init__(self, cost: Cost, cores: int = 1) -> None:
        self._hasher = argon2.PasswordHasher(time_cost=cost.passes, memory_cost=cost.memory, parallelism=1)
        self._threads = ThreadPoolExecutor(cores, thread_name_prefix="argon2")
        self._nobody = self.hash(os.urandom(16).hex())

    def hash(self, password: str) -> str:
        """The password's hash with its salt and cost, as argon2 writes it."""
        return self._threads.submit(self._hasher.hash, password).result()

    def matches(self, encoded: str | None, password: str) -> bool:
        """Check a password. Without a hash (no such user) do the same work and return False."""
        try:
            found = self._threads.submit(self._hasher.verify, encoded or self._nobody, password).result()
            return found and encoded is not None
        except argon2.exceptions.VerificationError:
            return False


class Hashing:
    """The queue in front of argon2."""

    def __init__(self, cost: Cost | None = None, cores: int | None = None) -> None:
        cores = cores or _cores()
        self._argon = Argon(cost or Cost(), cores)
        self._turns = threading.Semaphore(cores * TURNS_PER_CORE)
        self._places = threading.Semaphore(cores * (TURNS_PER_CORE + WAITERS_PER_CORE))

    @contextmanager
    def turn(self) -> Iterator[Argon]:
        """Wait for a turn and hold it. Raises Busy if the queue is full or the wait too long."""
        if not self._places.acquire(blocking=False):
            raise Busy
        try:
            if not self._turns.acquire(timeout=LONGEST_WAIT):
                raise Busy
            try:
                yield self._argon
            finally:
                self._turns.release()
        finally:
            self._places.release()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # only on Linux, where a container may have fewer cores than the machine
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_size(password: str) -> None:
    """Accept 8 to 1024 bytes; a password is never truncated. Raises WeakPassword."""
    size = len(password.encode())
    if size < SHORTEST:
        raise WeakPassword(f"The password has {size} bytes, fewer than {SHORTEST}. Choose a longer one.")
    if size > LONGEST:
        raise WeakPassword(f"The password has {size} bytes, more than {LONGEST}. Choose a shorter one.")


def check_strength(password: str, name: str) -> None:
    """Reject the passwords that an attacker tries first. Raises WeakPassword."""
    check_size(password)
    plain = password.casefold()
    if _is_common(plain):
        raise WeakPassword
    if len(set(plain)) < 3:
        raise WeakPassword("The password repeats one or two characters. Choose another.")
    if name in plain and not plain.replace(name, "").strip("0123456789!?.-_@#"):
        raise WeakPassword("The password is little more than the user's name. Choose another.")


def _is_common(plain: str) -> bool:
    """Whether a password is among the first that an attacker tries.

    That is a common one, also with digits or signs around it or in place of letters (`Summer2026!`, `p4ssw0rd`), one
    written twice, and a run of the alphabet or of a row of the keyboard.
    """
    common = _common_passwords()
    half = plain[: len(plain) // 2]
    words = [plain, half] if half * 2 == plain else [plain]
    spellings = {spelling for word in words for spelling in (word, word.translate(_SUBSTITUTES))}
    stripped = {spelling.strip(_AFFIXES) for spelling in spellings}
    return bool(common & (spellings | stripped)) or any(word in run for word in words for run in _RUNS)


@functools.cache
def _common_passwords() -> frozenset[str]:
    """Common passwords from leaks, names, and words. Loaded only when a password is set."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # 12 MB, a tenth of a second

    # A word is in the list where it ranks highest: `jennifer` is among the names, not among the passwords.
    return _DEFAULTS.union(*FREQUENCY_LISTS.values())
