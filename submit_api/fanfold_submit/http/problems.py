"""Refusals, and errors of the store, as RFC 9457 problems in responses and in the OpenAPI document."""

from fastapi import FastAPI

from fanfold_storage.errors import InvalidKey, NotFound, PermissionDenied, StorageError, Unavailable
from fanfold_submit.http.problem_types import PROBLEM_TYPES
from fanfold_submit.refusals import AuthAway, InvalidPath
from fanfold_web.http import problems
from fanfold_web.log import logger
from fanfold_web.refusals import Forbidden, NothingThere, Refusal, StoreAway, StoreRefused, Unauthenticated

log = logger("fanfold_submit")


def install(app: FastAPI) -> None:
    """Answer every refusal and every error of the store with a problem."""
    problems.install(app, PROBLEM_TYPES, {StorageError: _store_refusal})


def refusals(*classes: type[Refusal]) -> problems.Responses:
    """The refusals of an operation that needs a token and the store, for its OpenAPI `responses`."""
    return problems.documented(PROBLEM_TYPES, Unauthenticated, Forbidden, *classes, AuthAway, StoreAway)


def _store_refusal(error: StorageError) -> Refusal:
    """The store's own words, which name hosts and folders, go to the log alone."""
    refusal: Refusal
    if isinstance(error, Unavailable):
        refusal = StoreAway()
    elif isinstance(error, InvalidKey):
        refusal = InvalidPath("The store cannot hold such a path. Choose a shorter or plainer one.")
    elif isinstance(error, NotFound):
        refusal = NothingThere("It does not exist, or no longer does. List what there is.")
    else:
        what = "denies the service access" if isinstance(error, PermissionDenied) else "cannot do what was asked"
        log.error("a request to the store failed: %s", error)
        return StoreRefused(f"The service's store {what}. The reason is in the service's log.")
    log.warning("a request to the store failed: %s", error)
    return refusal
