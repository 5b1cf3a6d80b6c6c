"""Delegations as the submit service asks for them: with a real auth service, and with ones that are away or strange."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

import fanfold_auth.app
import fanfold_auth.settings
from fanfold_auth.accounts.passwords import Hashing
from fanfold_auth.service import Service as AuthService
from fanfold_storage.urls import open_records
from fanfold_submit.refusals import AuthAway, DelegationEnded, NoDelegations
from fanfold_submit.settings import Settings
from fanfold_submit.tokens.delegations import Delegations
from fanfold_submit.tokens.keys import Keys
from fanfold_web.server import listen
from tests.auth_api.service import CHEAP, PASSWORD
from tests.submit_api.conftest import ISSUER, KeyServer, Signer
from tests.web.served import served_on


def asking(url: str, issuer: str = ISSUER) -> Delegations:
    settings = Settings(issuer=issuer, jwks_url=url, auth_url="http://auth.test")
    return Delegations(settings, Keys(url))


@contextmanager
def auth_service(folder: Path) -> Iterator[tuple[Delegations, AuthService]]:
    (folder / "kek").write_bytes(os.urandom(32))
    with closing(open_records(f"sqlite://{folder}/auth.db")) as records, listen("127.0.0.1", 0) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        settings = fanfold_auth.settings.Settings(issuer=url, kek_file=folder / "kek")
        app = fanfold_auth.app.build_app(settings, records, hashing=Hashing(CHEAP))
        app.state.service.users.create("ada", PASSWORD, ["submitter"])
        with served_on(app, listener):
            yield asking(f"{url}/v1/keys", url), app.state.service


def test_the_roles_are_those_of_the_moment_until_it_is_revoked(tmp_path: Path) -> None:
    with auth_service(tmp_path) as (delegations, auth):
        ada = auth.users.get("ada")
        delegation = delegations.obtain(auth.tokens.issue(ada), "schedule/nightly")
        principal = delegations.redeem(delegation)
        assert (principal.id, principal.name, principal.roles) == (ada.id, "ada", ("submitter",))
        assert principal.groups == ("submitter",)
        auth.users.grant("ada", "admin")
        assert delegations.redeem(delegation).is_admin
        auth.users.create("root", PASSWORD, ["admin"])
        auth.users.disable("ada")
        with pytest.raises(DelegationEnded, match="disabled"):
            delegations.redeem(delegation)
        auth.users.enable("ada")
        delegations.revoke(delegation)
        with pytest.raises(DelegationEnded, match="revoked"):
            delegations.redeem(delegation)


def test_a_token_that_is_none_gets_no_delegation(tmp_path: Path) -> None:
    with auth_service(tmp_path) as (delegations, _), pytest.raises(NoDelegations, match="access token is not valid"):
        delegations.obtain("e30.e30.c2ln", "schedule/nightly")


def test_an_auth_service_that_is_away_is_asked_again_later(key_server: KeyServer) -> None:
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
    key_server.away = True
    for url in (f"http://127.0.0.1:{port}/v1/keys", key_server.url):  # nobody there; and one that says 503
        with pytest.raises(AuthAway):
            asking(url).redeem("ada:0:x")
        with pytest.raises(AuthAway):
            asking(url).obtain("token", "schedule/nightly")


def test_another_issuer_than_ours_has_no_delegations(signer: Signer) -> None:
    with pytest.raises(NoDelegations, match="isn't Fanfold's auth service"):
        asking("https://login.example.org/jwks.json").obtain(signer.token(), "schedule/nightly")
