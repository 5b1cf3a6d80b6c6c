"""How HTTP answers each refusal of auth_api: a row for each class."""

from collections.abc import Mapping

from fanfold_auth import refusals
from fanfold_auth.openid import refusals as openid
from fanfold_web.http.problem_types import SHARED, ProblemType, challenge, scope_challenge
from fanfold_web.refusals import Refusal

PROBLEM_TYPES: Mapping[type[Refusal], ProblemType] = {
    **SHARED,
    refusals.InvalidGrant: ProblemType(400, "invalid-grant", "Invalid grant", members={"error": "invalid_grant"}),
    refusals.InvalidTokenRequest: ProblemType(
        400, "invalid-request", "Invalid token request", members={"error": "invalid_request"}
    ),
    refusals.UnsupportedGrant: ProblemType(
        400, "unsupported-grant-type", "Unsupported grant type", members={"error": "unsupported_grant_type"}
    ),
    openid.BadAuthorization: ProblemType(400, "bad-authorization", "The application's request is wrong"),
    openid.StalePage: ProblemType(400, "stale-page", "This page is too old"),
    openid.UnauthorizedClient: ProblemType(
        400, "unauthorized-client", "Not for this client", members={"error": "unauthorized_client"}
    ),
    openid.AuthorizationPending: ProblemType(
        400, "authorization-pending", "The user has not decided yet", members={"error": "authorization_pending"}
    ),
    openid.SlowDown: ProblemType(400, "slow-down", "Too many requests", members={"error": "slow_down"}),
    openid.AccessDenied: ProblemType(400, "access-denied", "The user has refused", members={"error": "access_denied"}),
    openid.ExpiredDeviceCode: ProblemType(
        400, "expired-token", "The device code has expired", members={"error": "expired_token"}
    ),
    openid.InvalidClient: ProblemType(
        401, "invalid-client", "Unknown client", members={"error": "invalid_client"}, headers=challenge
    ),
    openid.ForgedForm: ProblemType(403, "forged-form", "Not sent from this service's page"),
    openid.InsufficientScope: ProblemType(
        403,
        "insufficient-scope",
        "The token lacks a scope",
        members={"error": "insufficient_scope"},
        headers=scope_challenge,
    ),
    openid.NoSuchClient: ProblemType(404, "no-such-client", "No such client"),
    openid.UnknownUserCode: ProblemType(404, "unknown-user-code", "No device waits with this code"),
    openid.ClientExists: ProblemType(409, "client-exists", "The client's id is taken"),
    openid.TooManyClients: ProblemType(409, "too-many-clients", "Too many clients"),
    openid.BadClient: ProblemType(422, "bad-client", "Invalid client"),
    refusals.NoSuchSession: ProblemType(404, "no-such-session", "No such session"),
    refusals.WrongPassword: ProblemType(401, "wrong-password", "Wrong name or password", headers=challenge),
    refusals.NoSuchApiToken: ProblemType(404, "no-such-token", "No such API token"),
    refusals.NoSuchDelegation: ProblemType(404, "no-such-delegation", "No such delegation"),
    refusals.NoSuchGroup: ProblemType(404, "no-such-group", "No such group"),
    refusals.NoSuchUser: ProblemType(404, "no-such-user", "No such user"),
    refusals.LastAdmin: ProblemType(409, "last-admin", "The last admin stays"),
    refusals.RotationPending: ProblemType(409, "rotation-pending", "A new key is waiting already"),
    refusals.ApiTokenExists: ProblemType(409, "token-exists", "The name is taken"),
    refusals.TooManyApiTokens: ProblemType(409, "too-many-tokens", "Too many API tokens"),
    refusals.TooManyDelegations: ProblemType(409, "too-many-delegations", "Too many delegations"),
    refusals.OldRecords: ProblemType(409, "old-records", "Records of an earlier version"),
    refusals.TooManyGroups: ProblemType(409, "too-many-groups", "In too many groups"),
    refusals.UserExists: ProblemType(409, "user-exists", "The name is taken"),
    refusals.BadName: ProblemType(422, "bad-name", "Invalid user name"),
    refusals.InvalidGroup: ProblemType(422, "invalid-group", "Invalid group name"),
    refusals.WeakPassword: ProblemType(422, "weak-password", "The password is too weak"),
    refusals.Throttled: ProblemType(429, "throttled", "Too many attempts"),
    refusals.Busy: ProblemType(503, "busy", "Too many logins at once"),
}
