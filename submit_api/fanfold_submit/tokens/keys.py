"""The auth service's public keys and the tokens that have ended, fetched over HTTP together and cached.

So verifying a token rarely needs a request to the auth service. Keys older than FRESH are refreshed in the background,
by one thread at a time. Requests wait for a refresh of keys older than STALE, so a token that has ended is refused
within a minute. While the auth service is unavailable nobody waits, and what was fetched last stays in use. An unknown
key id may be a new key, so it triggers a fetch, but at most one every few seconds.
"""

import json
import threading
import time
from collections.abc import Callable
from http.client import HTTPException
from typing import Any
from urllib.request import ProxyHandler, build_opener

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from fanfold_web.log import logger

log = logger("fanfold_submit")
FRESH = 20.0  # seconds after which the keys are fetched again, in the background
STALE = 40.0  # seconds after which requests wait for that, unless the auth service is unavailable
USABLE = 86400.0  # seconds for which keys may be used while the auth service is unavailable
PAUSE = 3.0  # seconds between fetches triggered by unknown key ids
PAUSE_EMPTY = 0.2  # likewise while there are no keys, as when both services are starting
TIMEOUT = 5.0
LARGEST_RESPONSE = 1 << 20  # bytes
SMALLEST_KEY = 2048  # bits

_OPENER = build_opener(ProxyHandler({}))  # the auth service is inside the cluster: no proxy


class KeysAway(Exception):
    """There are no keys: the auth service has not answered."""


class Keys:
    """Keys by their id, from a JWKS URL. Thread-safe."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        self._keys: dict[str, RSAPublicKey] = {}
        self._ended: frozenset[str] = frozenset()
        self._fetched = float("-inf")
        self._tried = float("-inf")
        self._away = False  # whether the auth service didn't answer when it was asked last
        self._lock = threading.Lock()

    def find(self, kid: str) -> RSAPublicKey | None:
        """The key, or None if the auth service does not publish it. Raises KeysAway."""
        if self._is_stale:
            with self._lock:
                if self._is_stale:
                    self._fetch()
        if key := self.known(kid):
            return key
        with self._lock:
            if (kid not in self._keys or not self._usable) and self._may_try:
                self._fetch()
        if not self._usable:
            raise KeysAway(f"no keys from {self._url}")
        return self._keys.get(kid)

    def known(self, kid: str) -> RSAPublicKey | None:
        """The key, if that takes no request to the auth service. None if only `find` can say."""
        if self._is_stale or not self._usable:
            return None
        if self._clock() - self._fetched > FRESH and kid in self._keys:
            self._refresh_in_background()
        return self._keys.get(kid)

    def has_ended(self, stamp: str) -> bool:
        """Whether tokens with this stamp have ended. Call `find` or `known` first, which refresh the list."""
        return stamp in self._ended

    @property
    def ready(self) -> bool:
        """Whether tokens can be verified; fetches the keys the first time."""
        with self._lock:
            if not self._usable and self._may_try:
                self._fetch()
        return self._usable

    @property
    def _is_stale(self) -> bool:
        return not self._away and self._clock() - self._fetched > STALE

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
        """Ask the auth service. The caller holds the lock, so there is one request at a time."""
        self._tried = asked = self._clock()
        try:
            with _OPENER.open(self._url, timeout=TIMEOUT) as response:
                document = json.loads(response.read(LARGEST_RESPONSE))
                keys, ended = _rsa_keys(document), _ended(document)
        except (OSError, HTTPException, ValueError) as error:
            self._away = True
            log.warning("cannot fetch keys from %s: %s", self._url, error)
            return
        self._keys, self._ended, self._fetched, self._away = keys, ended, asked, False


def _ended(document: dict[str, Any]) -> frozenset[str]:
    """The stamps of tokens that have ended; an issuer that isn't our auth service lists none."""
    stamps = document.get("ended", [])
    return frozenset(stamp for stamp in stamps if isinstance(stamp, str)) if isinstance(stamps, list) else frozenset()


def _rsa_keys(document: Any) -> dict[str, RSAPublicKey]:
    """The RS256 keys of a JWKS; the auth service has no others."""
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise ValueError("the response is not a JWKS")
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
