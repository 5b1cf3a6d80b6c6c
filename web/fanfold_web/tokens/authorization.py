"""What services agree on about callers without loading a library: names, clocks, the Authorization header."""

from fanfold_web.refusals import Unauthenticated

NAME_PATTERN = "[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?"  # of users' names and ids: label values in Kubernetes, too
SKEW = 60  # seconds by which the clocks of two services may differ
TOKEN_SECONDS = 10 * 60  # for which an access token is valid unless the operator sets another time
FIRST_PARTY = "fanfold"  # the client that our own command is, and whoever logs in with name and password
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 (RFC 8693's word)
DELEGATION_TYPE = "urn:fanfold:token-type:delegation"
API_TOKEN_TYPE = "urn:fanfold:token-type:api-token"  # noqa: S105 (a word of the protocol)
API_TOKEN_PREFIX = "ffat_"  # noqa: S105 (how API tokens begin, so that they are recognised wherever they turn up)
TEAM_JOBS = "team-jobs"  # the purpose of delegations that say who the owner of a team's job is by now
LONGEST_TOKEN = 8192  # characters; a token of ours has about a thousand


def delegated_audience(audience: str) -> str:
    """The `aud` of tokens for which a delegation is exchanged; no route accepts it.

    >>> delegated_audience("fanfold")
    'fanfold/delegated'
    """
    return f"{audience}/delegated"


def bearer_token(authorization: str | None) -> str:
    """The token in `Bearer TOKEN`. Raises Unauthenticated.

    >>> bearer_token("bearer e30.e30.c2ln")
    'e30.e30.c2ln'
    """
    if not authorization:
        raise Unauthenticated
    scheme, _, token = authorization.partition(" ")
    is_token = scheme.lower() == "bearer" and bool(token.strip())
    if not is_token or len(token) > LONGEST_TOKEN:
        raise Unauthenticated(
            f"The Authorization header must be 'Bearer TOKEN', with a token of at most {LONGEST_TOKEN} characters.",
            token_sent=is_token,
        )
    if token.strip().startswith(API_TOKEN_PREFIX):
        raise Unauthenticated(
            "This is an API token, which opens nothing by itself: exchange it for an access token at the auth service "
            f"(POST /v1/token, subject_token_type {API_TOKEN_TYPE}), as `fanfold` does with the one in FANFOLD_TOKEN.",
            token_sent=True,
        )
    return token.strip()
