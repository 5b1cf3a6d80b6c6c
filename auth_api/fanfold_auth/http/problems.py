"""Refusals, and errors of the store, as RFC 9457 problems in responses and in the OpenAPI document."""

from fastapi import FastAPI

from fanfold_auth.http.problem_types import PROBLEM_TYPES
from fanfold_storage.errors import StorageError, Unavailable
from fanfold_web.http import problems
from fanfold_web.log import logger
from fanfold_web.refusals import Refusal, StoreAway, StoreRefused

log = logger("fanfold_auth")


def install(app: FastAPI) -> None:
    """Answer every refusal and every error of the store with a problem."""
    problems.install(app, PROBLEM_TYPES, {StorageError: _store_refusal})


def refusals(*classes: type[Refusal]) -> problems.Responses:
    """The refusals of an operation that needs the store, for its OpenAPI `responses`."""
    return problems.documented(PROBLEM_TYPES, *classes, StoreAway)


def _store_refusal(error: StorageError) -> Refusal:
    """The store's own words, which name hosts, go to the log alone."""
    if isinstance(error, Unavailable):
        log.warning("a request to the store failed: %s", error)
        return StoreAway()
    log.error("a request to the store failed: %s", error)
    return StoreRefused("The service's store cannot do what was asked. The reason is in the service's log.")
