"""Kinds of problems that more than one service answers, or that FastAPI itself refuses; each service adds its own.

A slug is the name that programs know a kind by, so it is a word fixed here, never derived from anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem; `members` are more members of its body."""

    status: int
    slug: str
    title: str
    example: str
    members: Mapping[str, str] = field(default_factory=dict)


BAD_REQUEST = Kind(400, "bad-request", "Not a request", "The body cannot be read: send it as /openapi.json says.")
INCOMPLETE_BODY = Kind(
    400, "incomplete-body", "The body broke off", "The request's body broke off. Nothing was done: send it again."
)
UNAUTHENTICATED = Kind(
    401,
    "unauthenticated",
    "Not logged in",
    "This needs an access token: log in and send 'Authorization: Bearer TOKEN'.",
)
FORBIDDEN = Kind(
    403, "forbidden", "Not allowed", "This needs the role admin; 'bob' has: submitter. Ask an administrator for it."
)
NOT_FOUND = Kind(404, "not-found", "Not found", "There is nothing at /v2. See /openapi.json for what there is.")
METHOD_NOT_ALLOWED = Kind(
    405,
    "method-not-allowed",
    "Method not allowed",
    "BREW is not possible at /v1/me. See /openapi.json for what is.",
)
TOO_LARGE = Kind(
    413, "too-large", "Too large", "The body is larger than 65536 bytes, the most that is accepted here. Send less."
)
INVALID = Kind(422, "invalid", "The request is not valid", "/body/name: Field required.")
INTERNAL = Kind(
    500,
    "internal-error",
    "Something went wrong here",
    "The service met an error of its own. Its log holds the reason under this answer's X-Request-Id.",
)
CONTENDED = Kind(
    503, "contended", "Too many changes at once", "Others kept changing the same record. Nothing was done: try again."
)
STORE_AWAY = Kind(
    503, "store-away", "The store does not answer", "The service's store does not answer. Try again shortly."
)
