"""What an application asks for at `/authorize` (OpenID Connect Core §3.1.2.1), checked and ready to be carried on.

An error is either told to the application through the browser (`Declined`) or, as long as it isn't certain where the
application is, to the user (`BadAuthorization`). While the user logs in, the request is in the login page, sealed under
a key of the service's. So nobody can change it, any replica can go on with it, and requests for which nobody logs in
leave nothing behind.
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fanfold_auth.keys.sealing import Unsealable, seal, unseal
from fanfold_auth.openid.clients import Client, Clients
from fanfold_auth.openid.refusals import BadAuthorization, Declined, StalePage
from fanfold_auth.stored import known

PAGE_SECONDS = 900.0  # for which a login page may wait
LONGEST = 1500  # characters of a parameter
PROMPTS = ("none", "login", "consent", "select_account")
SCOPES = ("openid", "profile", "email", "address", "phone", "groups", "offline_access")
_PURPOSE = "fanfold authorization request"
_CHALLENGE = re.compile("[A-Za-z0-9_-]{43}")
_VISIBLE = re.compile(r"[ -~]*")
_UNSUPPORTED = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A checked request. `subject` is the id of the only user who will do; empty: anybody."""

    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    asked: float
    state: str | None = None
    nonce: str | None = None
    challenge: str | None = None
    prompts: tuple[str, ...] = ()
    max_age: int | None = None
    login_hint: str = ""
    subject: str = ""
    claims: tuple[str, ...] = ()
    """Claims that are asked for by name, wherever they are to be told."""
    client_stamp: str = ""

    @property
    def silent(self) -> bool:
        """Whether no page may be shown."""
        return "none" in self.prompts

    def wants_login(self, auth_time: float, now: float) -> bool:
        """Whether somebody who logged in at `auth_time` has to do it again."""
        fresh = self.max_age is None or now - auth_time <= self.max_age
        return not fresh or "login" in self.prompts or "select_account" in self.prompts


class Requests:
    """Reads requests, and seals them for the way through the login page."""

    def __init__(
        self,
        key: bytes,
        clients: Clients,
        subject_of: Callable[[str], str | None],
        now: Callable[[], float] = time.time,
    ) -> None:
        """`subject_of` says whom an ID token is about, if it is one of ours."""
        self._key, self._clients, self._subject_of, self._now = key, clients, subject_of, now

    def client_of(self, parameters: Mapping[str, str]) -> Client:
        """The application that asks, if its redirect URI is one of its own. Raises BadAuthorization."""
        client = self._clients.find(parameters.get("client_id", ""))
        if client is None:
            raise BadAuthorization(
                f"No application is registered as {parameters.get('client_id', '')[:80]!r}. "
                "Tell whoever runs the application that has sent you here."
            )
        if not client.allows(parameters.get("redirect_uri", "")):
            raise BadAuthorization(
                f"The application {client.id} has sent you here with a redirect URI that it has not registered: "
                f"{parameters.get('redirect_uri', '')[:200]!r}. Tell whoever runs it."
            )
        return client

    def read(self, client: Client, parameters: Mapping[str, str]) -> AuthorizationRequest:
        """The request of a client whose redirect URI has been checked. Raises Declined."""
        for name, error in _UNSUPPORTED.items():
            if name in parameters:
                raise Declined(error, f"The parameter {name} is not supported; send the parameters themselves.")
        _check_form(parameters)
        claims, named = _claims(parameters.get("claims", ""))
        return AuthorizationRequest(
            client_id=client.id,
            redirect_uri=parameters["redirect_uri"],
            scopes=tuple(scope for scope in SCOPES if scope in parameters.get("scope", "").split()),
            asked=self._now(),
            state=parameters.get("state"),
            nonce=parameters.get("nonce"),
            challenge=_challenge(client, parameters),
            prompts=_prompts(parameters.get("prompt", "")),
            max_age=_max_age(parameters.get("max_age")),
            login_hint=parameters.get("login_hint", ""),
            subject=self._subject(parameters.get("id_token_hint"), named),
            claims=claims,
            client_stamp=client.stamp,
        )

    def sealed(self, request: AuthorizationRequest) -> str:
        """The request as a text that only this service can have made."""
        return seal(self._key, json.dumps(asdict(request)).encode(), _PURPOSE)

    def opened(self, sealed: str) -> tuple[AuthorizationRequest, Client]:
        """The request that was sealed, and its client as registered now. Raises StalePage, BadAuthorization."""
        try:
            fields = json.loads(unseal(self._key, sealed, _PURPOSE))
        except (Unsealable, ValueError):
            raise StalePage(
                "This is not a page of this service. Go back to the application and log in again."
            ) from None
        request = known(AuthorizationRequest, fields)
        if not 0 <= self._now() - request.asked + 60 <= PAGE_SECONDS + 60:
            raise StalePage
        client = self._clients.find(request.client_id)
        same = client is not None and client.is_one(request.client_id, request.client_stamp)
        if client is None or not same or not client.allows(request.redirect_uri):
            raise BadAuthorization(f"The application {request.client_id} is not registered any more.")
        return request, client

    def _subject(self, hint: str | None, named: str) -> str:
        """Whom the request is about. Raises Declined: the hint is not an ID token of ours."""
        if hint is None:
            return named
        subject = self._subject_of(hint)
        if subject is None or named not in ("", subject):
            raise Declined("invalid_request", "id_token_hint is not an ID token of this service, or of another user.")
        return subject


def _check_form(parameters: Mapping[str, str]) -> None:
    for name, content in parameters.items():
        if len(content) > LONGEST and name != "id_token_hint":
            raise Declined("invalid_request", f"The parameter {name[:40]} has more than {LONGEST} characters.")
    if not _VISIBLE.fullmatch(parameters.get("state", "")) or not _VISIBLE.fullmatch(parameters.get("nonce", "")):
        raise Declined("invalid_request", "state and nonce may have only visible ASCII characters and spaces.")
    if not parameters.get("response_type"):
        raise Declined("invalid_request", "The parameter response_type is missing; send response_type=code.")
    if parameters["response_type"] != "code":
        raise Declined("unsupported_response_type", "Only the response type code is offered.")
    if parameters.get("response_mode", "query") != "query":
        raise Declined("invalid_request", "Only the response mode query is offered.")


def _challenge(client: Client, parameters: Mapping[str, str]) -> str | None:
    challenge = parameters.get("code_challenge")
    if challenge is None:
        if client.pkce or "code_challenge_method" in parameters:
            raise Declined("invalid_request", "The client must use PKCE: send code_challenge, by the method S256.")
        return None
    if parameters.get("code_challenge_method") != "S256":
        raise Declined("invalid_request", "Only the code_challenge_method S256 is offered.")
    if not _CHALLENGE.fullmatch(challenge):
        raise Declined("invalid_request", "code_challenge is not a SHA-256 in base64url without padding.")
    return challenge


def _prompts(text: str) -> tuple[str, ...]:
    prompts = tuple(dict.fromkeys(text.split()))
    if unknown := [prompt for prompt in prompts if prompt not in PROMPTS]:
        raise Declined("invalid_request", f"The prompt {_ascii(unknown[0])} is not offered. Use {', '.join(PROMPTS)}.")
    if "none" in prompts and len(prompts) > 1:
        raise Declined("invalid_request", "The prompt none can't be combined with another.")
    return prompts


def _max_age(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,9}", text):
        raise Declined("invalid_request", "max_age is not a number of seconds.")
    return int(text)


def _claims(text: str) -> tuple[tuple[str, ...], str]:
    """The claims that are asked for by name (§5.5), and the only `sub` that will do. Raises Declined."""
    if not text:
        return (), ""
    try:
        asked: Any = json.loads(text)
        parts = [asked.get(member) or {} for member in ("id_token", "userinfo")]
        names = tuple(sorted({name for part in parts for name in part}))
        subjects = {
            part["sub"]["value"] for part in parts if isinstance(part.get("sub"), dict) and "value" in part["sub"]
        }
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise Declined(
            "invalid_request", "The parameter claims is not JSON as OpenID Connect Core §5.5 has it."
        ) from None
    if len(subjects) > 1 or not all(isinstance(subject, str) for subject in subjects):
        raise Declined("invalid_request", "The parameter claims asks for several users at once.")
    return tuple(name for name in names if len(name) <= 64)[:50], next(iter(subjects), "")


def _ascii(text: str) -> str:
    return ascii(text[:40])
