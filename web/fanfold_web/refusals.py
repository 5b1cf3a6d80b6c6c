"""Why a service says no, in words alone: nothing here knows HTTP. Each service adds its own refusals.

    Refusal
    ├── BadRequest         the request cannot be read
    ├── IncompleteBody     the connection ended before the whole body had arrived
    ├── TooLarge           more than the service accepts
    ├── Invalid            readable, but some fields are wrong
    ├── InvalidCursor      a cursor that no page returned
    ├── Unauthenticated    no access token, or one that is not valid
    ├── Forbidden          the caller lacks a role
    ├── NothingThere       nothing has that name
    ├── MethodNotAllowed   the resource exists but does not offer the method
    ├── Contended          other writers kept changing the same record
    ├── StoreAway          the store does not answer
    ├── StoreRefused       the store answers, but refuses what the service asks of it
    ├── NotReady           a part that the service needs does not answer
    └── Internal           a bug in the service

`fanfold_web.http.problem_types` says how HTTP answers each of them.
"""

from typing import ClassVar


class Refusal(Exception):
    """A request that is not granted. `detail` says what is wrong, where, and how to fix it.

    `example` is the detail when there is nothing more specific to say, and the one that the API's description shows.
    `retry_after` is the number of seconds after which the same request may succeed, if waiting can help.
    """

    example: ClassVar[str] = "The request is refused."
    retry_after: float | None = None

    def __init__(self, detail: str = "", *, retry_after: float | None = None) -> None:
        self.detail = detail or self.example
        super().__init__(self.detail)
        if retry_after is not None:
            self.retry_after = retry_after


class BadRequest(Refusal):
    """The request cannot be read."""

    example = "The body cannot be read. Send it as /openapi.json describes."


class IncompleteBody(Refusal):
    """The connection ended before the whole body had arrived."""

    example = "The connection ended before the whole body had arrived. Nothing was done; send the request again."


class TooLarge(Refusal):
    """More than the service accepts."""

    example = "The body is larger than 65536 bytes, the most this service accepts here. Send less."


class Invalid(Refusal):
    """The request can be read, but some fields are missing or wrong."""

    example = "/body/name: Field required."


class InvalidCursor(Refusal):
    """A cursor that no page returned."""

    example = "This is not a cursor that a page returned. Leave it out to start from the beginning."


class Unauthenticated(Refusal):
    """There is no access token, or it is not valid; `token_sent` tells which."""

    example = "This needs an access token: log in, and send 'Authorization: Bearer TOKEN'."

    def __init__(self, detail: str = "", *, token_sent: bool = False) -> None:
        super().__init__(detail)
        self.token_sent = token_sent


class Forbidden(Refusal):
    """The caller is known but lacks a role."""

    example = "This needs the role admin; 'bob' has: submitter. Ask an administrator for it."


class NothingThere(Refusal):
    """Nothing has that name."""

    example = "There is nothing at /v2. See /openapi.json for what there is."


class MethodNotAllowed(Refusal):
    """The resource exists but does not offer this method."""

    example = "BREW is not possible at /v1/me. See /openapi.json for what is."


class Misdirected(Refusal):
    """The request names another host than this service, as one does that DNS rebinding leads here."""

    example = "This service isn't reached as evil.example. Use a name that it was started with, such as 127.0.0.1."


class Contended(Refusal):
    """Other writers kept changing the same record; nothing was written."""

    example = "Other requests kept changing the same record. Nothing was done; try again."
    retry_after = 1.0


class StoreAway(Refusal):
    """The store does not answer. Whether a change was made is unknown until it is read back."""

    example = "The service's store does not answer. Try again shortly."
    retry_after = 2.0


class StoreRefused(Refusal):
    """The store answers, but refuses what the service asks of it."""

    example = "The service's store denies the service access. The reason is in the service's log."


class NotReady(Refusal):
    """A part that the service needs does not answer."""

    example = "Not available: records. Try again shortly."
    retry_after = 2.0


class Internal(Refusal):
    """A bug in the service."""

    example = "The service hit an internal error. The reason is in its log, under this response's X-Request-Id."
