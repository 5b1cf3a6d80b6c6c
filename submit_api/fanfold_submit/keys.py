"""The auth service's public keys, fetched over HTTP and kept: verifying a token asks nobody.

Keys are fetched anew before they run out, by one thread at a time; while the auth service is away the old ones serve.
A key id nobody knows may be a new key, so it leads to a fetch, but at most once in a few seconds, whatever comes.
"""

import json
import logging
import threading
import time
from collections.abc import Callable
from http.client import HTTPException
from typing import Any
from urllib.request import ProxyHandler, build_opener

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK
from jwt.exceptions import PyJWTError

log = logging.getLogger("fanfold_submit")
FRESH = 120.0  # seconds after which a key set is fetched anew, in the background
USABLE = 86400.0  # seconds for which keys still serve when the auth service is away
PAUSE = 3.0  # seconds between fetches that unknown key ids lead to
PAUSE_EMPTY = 0.2  # likewise while there are no keys, as when both services start
TIMEOUT = 5.0
LARGEST_ANSWER = 1 << 20  # bytes
SMALLEST_KEY = 2048  # bits

_OPENER = build_opener(ProxyHandler({}))  # the auth service is a neighbour, not to be reached by a proxy


class KeysAway(Exception):
    """The auth service did not answer, so that a token can't be judged."""


class Keys:
    """Keys by their id, from a JWKS URL. Thread-safe."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        self._keys: dict[str, RSAPublicKey] = {}
        self._fetched = float("-inf")
        self._tried = float("-inf")
        self._lock = threading.Lock()

    def find(self, kid: str) -> RSAPublicKey | None:
        """The key, or None if the auth service does not publish it. Raises KeysAway."""
        known = self._keys.get(kid)
        if known and self._usable:
            if self._clock() - self._fetched > FRESH:
                self._refresh_in_background()
            return known
        with self._lock:
            if (kid not in self._keys or not self._usable) and self._may_try:
                self._fetch()
        if not self._usable:
            raise KeysAway(f"no keys from {self._url}")
        return self._keys.get(kid)

    @property
    def ready(self) -> bool:
        """Whether tokens can be judged; fetches keys the first time."""
        with self._lock:
            if not self._usable and self._may_try:
                self._fetch()
        return self._usable

    @property
    def _usable(self) -> bool:
        return self._clock() - self._fetched < USABLE

    @property
    def _may_try(self) -> bool:
        return self._clock() - self._tried >= (PAUSE if self._keys else PAUSE_EMPTY)

    def _refresh_in_background(self) -> None:
        if self._may_try and self._lock.acquire(blocking=False):
            try:
                threading.Thread(target=self._fetch_and_release, name="keys", daemon=True).start()
            except RuntimeError:  # no more threads
                self._lock.release()
                raise

    def _fetch_and_release(self) -> None:
        try:
            self._fetch()
        finally:
            self._lock.release()

    def _fetch(self) -> None:
        """Ask the auth service; the lock is held, so it is asked once at a time."""
        self._tried = self._clock()
        try:
            with _OPENER.open(self._url, timeout=TIMEOUT) as answer:
                found = _rsa_keys(json.loads(answer.read(LARGEST_ANSWER)))
        except (OSError, HTTPException, ValueError) as error:
            log.warning("cannot fetch keys from %s: %s", self._url, error)
            return
        self._keys, self._fetched = found, self._clock()


def _rsa_keys(document: Any) -> dict[str, RSAPublicKey]:
    """The RS256 keys of a JWKS; others are none of ours."""
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise ValueError("that is no JWKS")
    keys = {}
    for jwk in document["keys"]:
        if not isinstance(jwk, dict) or jwk.get("kty") != "RSA" or not isinstance(jwk.get("kid"), str):
            continue
        try:
            key = PyJWK(jwk, "RS256").key
        except PyJWTError as error:
            log.warning("key %s is unusable: %s", jwk["kid"], error)
            continue
        if isinstance(key, RSAPublicKey) and key.key_size >= SMALLEST_KEY:
            keys[jwk["kid"]] = key
    return keys
