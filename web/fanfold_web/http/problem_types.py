"""How HTTP answers refusals: a table from each refusal to its RFC 9457 problem type. Each service adds its own rows.

Programs recognise a problem type by its slug, so slugs are fixed here and never derived from anything else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fanfold_web import refusals
from fanfold_web.refusals import Refusal

TYPE = "urn:fanfold:problem:"


def _no_headers(_: Refusal) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class ProblemType:
    """A problem type: HTTP status, slug and title, further `members` of its body, and `headers` of the response."""

    status: int
    slug: str
    title: str
    members: Mapping[str, str] = field(default_factory=dict)
    headers: Callable[[Any], Mapping[str, str]] = _no_headers

    def problem(self, detail: str, **members: Any) -> dict[str, Any]:
        """A problem object. That of a response also gets a `status`; a job's own error is not a response and has none.

        >>> ProblemType(404, "no-such-job", "No such job").problem("There is no job '7f'.")["type"]
        'urn:fanfold:problem:no-such-job'
        """
        return {"type": TYPE + self.slug, "title": self.title, "detail": detail, **self.members, **members}


def challenge(refusal: Refusal) -> Mapping[str, str]:
    """The challenge of every 401 (RFC 9110 §15.5.2). It names an error only if a token was sent (RFC 6750 §3)."""
    error = ', error="invalid_token"' if getattr(refusal, "token_sent", False) else ""
    return {"WWW-Authenticate": f'Bearer realm="fanfold"{error}'}


def scope_challenge(_: Refusal) -> Mapping[str, str]:
    """The challenge of RFC 6750 §3.1."""
    return {"WWW-Authenticate": 'Bearer realm="fanfold", error="insufficient_scope"'}


SHARED: Mapping[type[Refusal], ProblemType] = {
    refusals.BadRequest: ProblemType(400, "bad-request", "Unreadable request"),
    refusals.IncompleteBody: ProblemType(400, "incomplete-body", "Incomplete body"),
    refusals.InvalidCursor: ProblemType(400, "invalid-cursor", "Invalid cursor"),
    refusals.Unauthenticated: ProblemType(401, "unauthenticated", "Not logged in", headers=challenge),
    refusals.Forbidden: ProblemType(403, "forbidden", "Not allowed", headers=scope_challenge),
    refusals.NothingThere: ProblemType(404, "not-found", "Not found"),
    refusals.MethodNotAllowed: ProblemType(405, "method-not-allowed", "Method not allowed"),
    refusals.Misdirected: ProblemType(421, "misdirected", "Misdirected request"),
    refusals.TooLarge: ProblemType(413, "too-large", "Too large"),
    refusals.Invalid: ProblemType(422, "invalid", "Invalid request"),
    refusals.Internal: ProblemType(500, "internal-error", "Internal error"),
    refusals.StoreRefused: ProblemType(500, "store-refused", "Refused by the store"),
    refusals.Contended: ProblemType(503, "contended", "Too many changes at once"),
    refusals.StoreAway: ProblemType(503, "store-away", "Store unavailable"),
    refusals.NotReady: ProblemType(503, "not-ready", "Not ready"),
}
