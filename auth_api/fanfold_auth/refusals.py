"""Why auth_api says no, beside the refusals that all services share. No HTTP here: see `http.problem_types` for that.

Refusal
├── Invalid
│   ├── BadName           a user name outside the allowed form
│   └── WeakPassword      too short, too long, or one that everybody tries first
├── Unauthenticated
│   └── WrongPassword     name and password do not match
├── InvalidGrant          a refresh token, delegation or API token that is unknown, used, expired or revoked
├── InvalidTokenRequest   a token request that OAuth does not allow
├── UnsupportedGrant      a grant type that is not offered
├── NoSuchUser            nobody has that name
├── NoSuchGroup           nobody is in a group of that name
├── InvalidGroup          a group name outside the allowed form
├── TooManyGroups         a user is in as many groups as a token can name
├── OldRecords            users are stored in a version that has no groups yet
├── NoSuchApiToken        no API token of that user has that name
├── NoSuchDelegation      no delegation of the caller's has that id
├── NoSuchSession         no session of the user's has that id
├── TooManyDelegations,
│   TooManyApiTokens      a user has as many as are kept
├── ApiTokenExists        the user has one of that name
├── UserExists            the name is taken
├── LastAdmin             the change would leave nobody who can administer
├── RotationPending       a new key is published already and waits to sign
├── Throttled             too many attempts on one account, from one address, or with one password
└── Busy                  more passwords to check than cores to check them
"""

from fanfold_web.command import CannotServe
from fanfold_web.refusals import Invalid, Refusal, Unauthenticated


class BadName(Invalid):
    """A user name outside the allowed form."""

    example = (
        "'Bob!' is not a user name: use 1 to 63 of a-z, 0-9, '.', '_' and '-', with a letter or digit at both ends."
    )


class WeakPassword(Invalid):
    """A password that is too short, too long, or one that everybody tries first."""

    example = "The password is a common one, or a common word with digits or signs. Choose another."


class WrongPassword(Unauthenticated):
    """Name and password do not match. Unknown and disabled users get the very same refusal."""

    example = "The name or the password is wrong, or the user is disabled. Try again, or ask an administrator."


class InvalidGrant(Refusal):
    """A refresh token, a delegation or an API token that is unknown, used, expired or revoked."""

    example = "The refresh token is unknown, expired, used or revoked. Log in again."


class InvalidTokenRequest(Refusal):
    """A token request that OAuth does not allow: a parameter is missing or given twice."""

    example = "The parameter refresh_token is missing. Send it in the form."


class UnsupportedGrant(Refusal):
    """A grant type that is not offered."""

    example = "The grant type 'password' is not offered. Use refresh_token, or log in at /v1/login."


class NoSuchUser(Refusal):
    """Nobody has that name."""

    example = "There is no user 'bob'. List all with GET /v1/users."


class NoSuchGroup(Refusal):
    """Nobody is in a group of that name."""

    example = "Nobody is in a group 'analysts'. List all with GET /v1/groups."


class InvalidGroup(Invalid):
    """A group name outside the allowed form, or that of a role."""

    example = "'admin' is not a group's name: use another than those of the roles."


class TooManyGroups(Refusal):
    """A user is in as many groups as a token can name."""

    example = "'ada' is in 20 groups, as many as a token can name."


class OldRecords(Refusal):
    """Users are stored in a version that has no groups, for replicas of an earlier version that may still serve."""

    example = (
        "Users are still stored as the version before this one reads them, which knows no groups. Once every replica "
        "has been updated, run `python -m fanfold_auth migrate` in one of them."
    )


class NoSuchDelegation(Refusal):
    """No delegation of the caller's has that id."""

    example = "There is no delegation '5b1e' of yours. List yours with GET /v1/delegations."


class NoSuchSession(Refusal):
    """No session of the user's has that id."""

    example = "There is no session '5b1e0c7a51e8b264d09f' of 'ada'. List them with GET /v1/sessions."


class TooManyDelegations(Refusal):
    """A user has as many delegations as are kept."""

    example = "'ada' has 200 delegations, the most that are kept: revoke one with DELETE /v1/delegations/ID."


class NoSuchApiToken(Refusal):
    """No API token of that user has that name."""

    example = "'ada' has no API token 'ci'. List them with GET /v1/tokens."


class ApiTokenExists(Refusal):
    """The user has an API token of that name."""

    example = "There is a token 'ci' of yours already. Choose another name, or revoke that one first."


class TooManyApiTokens(Refusal):
    """A user has as many API tokens as are kept."""

    example = "'ada' has 50 API tokens, the most that are kept: revoke one first."


class UserExists(Refusal):
    """The name is taken."""

    example = "There is a user 'bob' already. Choose another name."


class LastAdmin(Refusal):
    """The change would leave nobody who can administer."""

    example = "'ada' is the last enabled admin. Make somebody else admin first."


class RotationPending(Refusal):
    """A new key is published already and waits to sign."""

    example = "The newest key signs from 2026-11-24T07:15:00Z on. Rotate again after that."


class Throttled(Refusal):
    """Too many failed attempts: on one account, from one address, or with one password."""

    example = "Too many attempts to log in as 'bob'. Try again in 8 s."


class Busy(Refusal):
    """More passwords are waiting to be checked than the cores can check soon."""

    example = "Too many passwords are being checked right now. Try again in a second."
    retry_after = 1.0


class KeyUnreadable(CannotServe):
    """A signing key cannot be decrypted: the KEK is not the one it was encrypted with."""
