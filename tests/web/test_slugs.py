"""The words that programs know problems by: fixed, one for a kind, the same in both services."""

import re
from collections.abc import Iterator

import fanfold_auth.errors
import fanfold_submit.kinds
import fanfold_web.kinds
from fanfold_web.kinds import Kind

# Programs out there compare these: a word may be added, never changed or taken away.
SHARED = {
    "bad-request": 400, "incomplete-body": 400, "unauthenticated": 401, "forbidden": 403, "not-found": 404,
    "method-not-allowed": 405, "too-large": 413, "invalid": 422, "internal-error": 500, "contended": 503,
    "store-away": 503,
}  # fmt: skip
AUTH = {
    "invalid-grant": 400, "invalid-request": 400, "unsupported-grant-type": 400, "wrong-password": 401,
    "no-such-user": 404, "last-admin": 409, "rotation-pending": 409, "user-exists": 409, "bad-name": 422,
    "weak-password": 422, "throttled": 429, "busy": 503,
}  # fmt: skip
SUBMIT = {
    "invalid-cursor": 400, "invalid-key": 400, "invalid-path": 400, "place-not-allowed": 403, "no-such-bundle": 404,
    "no-such-file": 404, "no-such-job": 404, "no-such-output": 404, "results-removed": 404, "upload-stalled": 408,
    "job-final": 409, "name-taken": 409, "no-results": 409, "output-exists": 409, "output-in-use": 409,
    "range-not-satisfiable": 416, "invalid-bundle": 422, "invalid-params": 422, "invalid-place": 422,
    "invalid-spec": 422, "job-failed": 422, "job-refused": 422, "key-reused": 422,
    "place-refused": 422, "unknown-bundle": 422, "unknown-job": 422, "wrong-hash": 422, "store-refused": 500,
    "workers-lost": 500, "auth-away": 503, "not-ready": 503, "reconciler-dead": 503,
}  # fmt: skip


def refused(root: type[fanfold_auth.errors.Refused]) -> Iterator[Kind]:
    yield root.kind
    for each in root.__subclasses__():
        yield from refused(each)


def kinds_of(module: object) -> list[Kind]:
    return [value for value in vars(module).values() if isinstance(value, Kind)]


def test_every_kind_has_its_word_and_no_other() -> None:
    shared = kinds_of(fanfold_web.kinds)
    auth = [kind for kind in refused(fanfold_auth.errors.Refused) if kind not in shared]
    submit = [kind for kind in kinds_of(fanfold_submit.kinds) if kind not in shared]
    assert {kind.slug: kind.status for kind in shared} == SHARED
    assert {kind.slug: kind.status for kind in auth} == AUTH
    assert {kind.slug: kind.status for kind in submit} == SUBMIT
    slugs = [kind.slug for kind in (*shared, *auth, *submit)]
    assert len(slugs) == len(set(slugs)), "two kinds share a word"


def test_every_kind_is_told_in_words() -> None:
    for kind in (*kinds_of(fanfold_web.kinds), *refused(fanfold_auth.errors.Refused), *kinds_of(fanfold_submit.kinds)):
        assert re.fullmatch("[a-z]+(-[a-z]+)*", kind.slug) and kind.title[0].isupper() and kind.example
