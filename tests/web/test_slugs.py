"""The words by which programs know problems: fixed, one for each refusal, the same in both services."""

import re
from collections.abc import Iterator

import fanfold_auth.http.problem_types
import fanfold_auth.openid.refusals
import fanfold_auth.refusals
import fanfold_submit.http.problem_types
import fanfold_submit.refusals
import fanfold_web.refusals
from fanfold_submit.jobs import failures
from fanfold_web.http.problem_types import SHARED as SHARED_TYPES
from fanfold_web.http.problem_types import ProblemType
from fanfold_web.refusals import Refusal

# Programs out there compare these: a word may be added, never changed or taken away.
SHARED = {
    "bad-request": 400, "incomplete-body": 400, "invalid-cursor": 400, "unauthenticated": 401, "forbidden": 403,
    "not-found": 404, "method-not-allowed": 405, "too-large": 413, "misdirected": 421, "invalid": 422,
    "internal-error": 500,
    "contended": 503, "store-away": 503, "store-refused": 500, "not-ready": 503,
}  # fmt: skip
AUTH = {
    "invalid-grant": 400, "invalid-request": 400, "unsupported-grant-type": 400, "wrong-password": 401,
    "no-such-user": 404, "no-such-delegation": 404, "too-many-delegations": 409,
    "no-such-token": 404, "token-exists": 409, "too-many-tokens": 409, "no-such-group": 404, "old-records": 409,
    "too-many-groups": 409, "invalid-group": 422,
    "last-admin": 409, "rotation-pending": 409, "user-exists": 409, "bad-name": 422,
    "weak-password": 422, "throttled": 429, "busy": 503,
    "bad-authorization": 400, "stale-page": 400, "unauthorized-client": 400, "authorization-pending": 400,
    "slow-down": 400, "access-denied": 400, "expired-token": 400, "invalid-client": 401, "forged-form": 403,
    "insufficient-scope": 403, "no-such-client": 404, "no-such-session": 404, "unknown-user-code": 404,
    "client-exists": 409, "too-many-clients": 409, "bad-client": 422,
}  # fmt: skip
SUBMIT = {
    "invalid-key": 400, "invalid-path": 400, "no-such-list": 400, "place-not-allowed": 403, "no-such-bundle": 404,
    "no-such-file": 404, "no-such-job": 404, "no-such-output": 404,
    "nothing-quarantined": 404, "results-removed": 404, "upload-stalled": 408,
    "results-changed": 409, "input-changed": 409, "no-workflow": 409,
    "precondition-failed": 412, "job-active": 409, "not-admitted": 409, "not-waiting": 409,
    "job-final": 409, "name-taken": 409, "no-results": 409, "output-exists": 409, "output-in-use": 409,
    "over-quota": 413, "range-not-satisfiable": 416, "invalid-bundle": 422, "invalid-params": 422, "invalid-place": 422,
    "invalid-spec": 422, "job-failed": 422, "job-refused": 422, "key-reused": 422,
    "place-refused": 422, "unknown-bundle": 422, "unknown-job": 422, "wrong-hash": 422, "workers-lost": 500,
    "auth-away": 503, "reconciler-dead": 503, "invalid-log-query": 400, "too-many-streams": 429,
    "no-such-schedule": 404, "schedule-exists": 409, "too-many-schedules": 409, "no-delegations": 409,
    "delegation-ended": 409, "invalid-schedule": 422, "webhook-not-allowed": 403, "reach-lost": 403,
}  # fmt: skip


JOB_ERRORS = [value for value in vars(failures).values() if isinstance(value, ProblemType)]
AUTH_TYPES = fanfold_auth.http.problem_types.PROBLEM_TYPES
SUBMIT_TYPES = fanfold_submit.http.problem_types.PROBLEM_TYPES


def refusals_in(module: object) -> Iterator[type[Refusal]]:
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, Refusal) and value is not Refusal:
            yield value


def slugs(types: list[ProblemType]) -> dict[str, int]:
    return {problem_type.slug: problem_type.status for problem_type in types}


def test_every_refusal_has_its_word_and_no_other() -> None:
    shared = list(SHARED_TYPES.values())
    auth = [problem_type for problem_type in AUTH_TYPES.values() if problem_type not in shared]
    submit = [problem_type for problem_type in SUBMIT_TYPES.values() if problem_type not in shared]
    submit += [problem_type for problem_type in JOB_ERRORS if problem_type not in submit]
    assert (slugs(shared), slugs(auth), slugs(submit)) == (SHARED, AUTH, SUBMIT)
    words = [problem_type.slug for problem_type in (*shared, *auth, *submit)]
    assert len(words) == len(set(words)), "two refusals share a word"


def test_no_refusal_is_without_a_problem_type() -> None:
    assert set(refusals_in(fanfold_web.refusals)) == set(SHARED_TYPES)
    own = {*refusals_in(fanfold_auth.refusals), *refusals_in(fanfold_auth.openid.refusals)}
    assert {*own, *SHARED_TYPES} == set(AUTH_TYPES)
    assert {*refusals_in(fanfold_submit.refusals), *SHARED_TYPES} == set(SUBMIT_TYPES)


def test_every_refusal_says_what_is_wrong() -> None:
    for refusal, problem_type in (AUTH_TYPES | SUBMIT_TYPES).items():  # type: ignore[operator]
        assert re.fullmatch("[a-z]+(-[a-z]+)*", problem_type.slug) and problem_type.title[0].isupper()
        assert refusal.example != Refusal.example and refusal().detail == refusal.example
