"""The provider below HTTP, on records that may be shared: what the state machine and the crash tests act on."""

import base64
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

from fanfold_auth.accounts.passwords import Hashing
from fanfold_auth.grants import Redeemed, TokenRequest, issue, redeem
from fanfold_auth.keys.keys import KEYS
from fanfold_auth.openid.clients import Client
from fanfold_auth.openid.devices import DEVICE_CODE
from fanfold_auth.openid.requests import AuthorizationRequest
from fanfold_auth.service import Service, wire
from fanfold_auth.settings import Settings
from fanfold_auth.tokens.sessions import Session, Source
from fanfold_storage.records.protocol import Records, Write
from tests.auth_api.openid.provider import CALLBACK, VERIFIER
from tests.auth_api.service import CHEAP, PASSWORD, Clock

HASHING = Hashing(CHEAP)
NAMES = ("ann", "ben")
SOURCE = Source("192.0.2.1", "a browser")
APPLICATION = Client("grafana", (CALLBACK,))
SECRET = "0123456789abcdef0123456789abcdef"
LIFE = 3600


def memory_folder() -> "tempfile.TemporaryDirectory[str]":
    memory = Path("/dev/shm")
    return tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None)


def service_on(records: Records, settings: Settings, ring: dict[str, Any], clock: Clock) -> Service:
    """A replica on these records, which know a key."""
    if records.get(KEYS) is None:
        records.transact([], [Write(KEYS, ring)])
    changes = {"refresh_seconds": LIFE, "session_seconds": LIFE}
    return wire(settings.model_copy(update=changes), records, clock, HASHING)


def people(service: Service) -> None:
    for name in NAMES:
        service.users.create(name, PASSWORD, ["admin"])


def log_in(service: Service, name: str, replaced: Session | None = None) -> tuple[Session, str]:
    user = service.check_password(name, PASSWORD, SOURCE.address)
    return service.sessions.start_browser(user, LIFE, SOURCE, replaced)


def request_for(service: Service, scope: str = "openid") -> AuthorizationRequest:
    """A request of the application."""
    requests = service.openid.requests
    query = {
        "client_id": APPLICATION.id, "redirect_uri": CALLBACK, "response_type": "code", "scope": scope,
        "code_challenge": challenge_of(VERIFIER), "code_challenge_method": "S256",
    }  # fmt: skip
    return requests.read(requests.client_of(query), query)


def code_for(service: Service, session: Session, scope: str = "openid") -> str:
    """A code for the application, as the login page issues it."""
    requests, request = service.openid.requests, request_for(service, scope)
    return service.openid.codes.issue(requests.opened(requests.sealed(request))[0], session)


def challenge_of(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def exchange(service: Service, code: str, verifier: str = VERIFIER) -> tuple[Redeemed, str]:
    """What a code yields, and the access token."""
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": verifier}
    return _redeem(service, form)


def refresh(service: Service, token: str) -> tuple[Redeemed, str]:
    return _redeem(service, {"grant_type": "refresh_token", "refresh_token": token})


def poll_device(service: Service, device_code: str) -> Redeemed:
    return redeem(service, TokenRequest({"grant_type": DEVICE_CODE, "device_code": device_code}))


def _redeem(service: Service, form: dict[str, str]) -> tuple[Redeemed, str]:
    client = service.openid.clients.authenticated(APPLICATION.id, SECRET)
    redeemed = redeem(service, TokenRequest(form, client, "basic"))
    return redeemed, issue(service, redeemed).access_token
