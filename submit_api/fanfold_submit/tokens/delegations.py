"""Delegations of users to their schedules, which the auth service issues, and exchanges for the roles of the moment.

`fanfold_auth.tokens.delegations` says what they are. The tokens that they are exchanged for are for an audience of
their own, so they open nothing here either.
"""

import json
import time
from collections.abc import Callable, Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

from fanfold_submit.principal import Principal
from fanfold_submit.refusals import AuthAway, DelegationEnded, NoDelegations
from fanfold_submit.settings import Settings
from fanfold_submit.tokens.keys import LARGEST_RESPONSE, TIMEOUT, Keys, KeysAway
from fanfold_submit.tokens.tokens import principal_of
from fanfold_web.log import logger
from fanfold_web.refusals import Unauthenticated
from fanfold_web.tokens.access_tokens import Verifier
from fanfold_web.tokens.authorization import DELEGATION_TYPE, TOKEN_EXCHANGE, delegated_audience

log = logger("fanfold_submit")
KEYS_PATH = "/v1/keys"
_FORM = "application/x-www-form-urlencoded"
_OPENER = build_opener(ProxyHandler({}))  # the auth service is inside the cluster: no proxy


class Delegations:
    """Asks one auth service for delegations, and what they are worth."""

    def __init__(self, settings: Settings, keys: Keys, now: Callable[[], float] = time.time) -> None:
        self._url = settings.jwks_url.removesuffix(KEYS_PATH) if settings.jwks_url.endswith(KEYS_PATH) else None
        self._verify = Verifier(settings.issuer, delegated_audience(settings.audience), keys.find, now).verify

    def obtain(self, access_token: str, purpose: str) -> str:
        """A delegation of the user that an access token names. Raises AuthAway, NoDelegations."""
        body = json.dumps({"purpose": purpose}).encode()
        headers = {"Authorization": f"Bearer {access_token}", "Content-Type": "application/json"}
        status, answer = self._post("/v1/delegations", body, headers)
        if status != 201 or not isinstance(answer.get("token"), str):
            raise NoDelegations(str(answer.get("detail") or "The auth service has issued no delegation."))
        token: str = answer["token"]
        return token

    def redeem(self, delegation: str) -> Principal:
        """The user who delegated, with the roles of this moment. Raises DelegationEnded, AuthAway."""
        form = {
            "grant_type": TOKEN_EXCHANGE,
            "subject_token": delegation,
            "subject_token_type": DELEGATION_TYPE,
        }
        status, answer = self._post("/v1/token", urlencode(form).encode(), {"Content-Type": _FORM})
        if status != 200 or not isinstance(answer.get("access_token"), str):
            raise DelegationEnded(str(answer.get("detail") or DelegationEnded.example))
        try:
            claims = self._verify(answer["access_token"])
        except (Unauthenticated, KeysAway) as error:  # a key that is too new for this replica, or clocks that differ
            log.warning("the auth service's answer can't be verified: %s", error)
            raise AuthAway from None
        return principal_of(claims)

    def revoke(self, delegation: str) -> None:
        """End a delegation. Raises AuthAway."""
        self._post("/v1/revoke", urlencode({"token": delegation}).encode(), {"Content-Type": _FORM})

    def _post(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """The status, and the object that was answered. Raises AuthAway: no answer, or one that says: later."""
        if self._url is None:
            raise NoDelegations
        request = Request(self._url + path, body, dict(headers), method="POST")  # noqa: S310 (Settings checks it)
        try:
            with _OPENER.open(request, timeout=TIMEOUT) as response:
                status, data = response.status, response.read(LARGEST_RESPONSE)
        except HTTPError as error:
            with error:
                status, data = error.code, error.read(LARGEST_RESPONSE)
        except (OSError, HTTPException) as error:
            log.warning("the auth service does not answer: %s", error)
            raise AuthAway from None
        if status >= 500 or status == 429:
            raise AuthAway
        try:
            answer = json.loads(data or b"{}")
        except ValueError:
            answer = None
        return status, answer if isinstance(answer, dict) else {}
