"""A token ends before it expires: both services on real sockets, which know each other by HTTP alone."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

import fanfold_auth.app
import fanfold_submit.app
import fanfold_submit.tokens.keys
from fanfold_auth.accounts.passwords import Hashing
from fanfold_auth.accounts.users import Users
from fanfold_auth.settings import Settings as AuthSettings
from fanfold_storage.records import Records
from fanfold_storage.urls import open_objects, open_records
from fanfold_submit.settings import Settings as SubmitSettings
from tests.auth_api.service import CHEAP, PASSWORD, as_before_ids
from tests.submit_api.engine import ScriptedEngine
from tests.web.served import served


class AMinuteLater:
    """A clock of which each look is a minute later: whatever is kept for less is asked for again."""

    moment = 0.0

    def __call__(self) -> float:
        self.moment += 60
        return self.moment


@dataclass
class Both:
    """Both services, and the users of one of them."""

    auth: httpx.Client
    submit: httpx.Client
    users: Users
    records: Records

    def login(self, name: str) -> dict[str, str]:
        response = self.auth.post("/v1/login", json={"name": name, "password": PASSWORD})
        assert response.status_code == 200, response.text
        tokens: dict[str, str] = response.json()
        return tokens

    def refresh(self, token: str) -> httpx.Response:
        return self.auth.post("/v1/token", data={"grant_type": "refresh_token", "refresh_token": token})

    def who(self, tokens: dict[str, str]) -> tuple[int, int]:
        """How both services answer to an access token."""
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        by_auth, by_submit = (service.get("/v1/me", headers=headers) for service in (self.auth, self.submit))
        return by_auth.status_code, by_submit.status_code


@pytest.fixture
def both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Both]:
    (tmp_path / "kek").write_bytes(b"k" * 32)
    monkeypatch.setattr("fanfold_auth.tokens.ended._MAX_AGE", 0.0)
    issuer = "http://auth.test"
    with closing(open_records(f"sqlite://{tmp_path}/records.db")) as records:
        auth = fanfold_auth.app.build_app(
            AuthSettings(issuer=issuer, kek_file=tmp_path / "kek"), records, hashing=Hashing(CHEAP)
        )
        with served(auth) as auth_port:
            url = f"http://127.0.0.1:{auth_port}"
            settings = SubmitSettings(issuer=issuer, jwks_url=f"{url}/v1/keys", auth_url=url)
            submit = fanfold_submit.app.build_app(
                settings, records, open_objects(f"file://{tmp_path}/store/"), ScriptedEngine()
            )
            submit.state.service.tokens.keys._clock = AMinuteLater()
            with (
                served(submit) as submit_port,
                httpx.Client(base_url=url, trust_env=False, timeout=60) as to_auth,
                httpx.Client(base_url=f"http://127.0.0.1:{submit_port}", trust_env=False, timeout=60) as to_submit,
            ):
                users = auth.state.service.users
                users.create("ada", PASSWORD, ["admin"])
                users.create("bob", PASSWORD, ["viewer", "submitter"])
                users.create("eve", PASSWORD, ["submitter"])
                yield Both(to_auth, to_submit, users, records)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("change", "login_ends"),
    [
        (lambda users: users.disable("bob"), True),
        (lambda users: users.remove("bob"), True),
        (lambda users: users.revoke("bob", "submitter"), False),
        (lambda users: users.set_password("bob", "another pass phrase"), True),
    ],
    ids=["disabled", "removed", "demoted", "another password"],
)  # fmt: skip
def test_a_users_tokens_end_everywhere(both: Both, change: Callable[[Users], object], login_ends: bool) -> None:
    bob, eve = both.login("bob"), both.login("eve")
    assert both.who(bob) == both.who(eve) == (200, 200)
    change(both.users)
    assert both.who(bob) == (401, 401)
    assert both.who(eve) == (200, 200)
    renewed = both.refresh(bob["refresh_token"])
    assert renewed.status_code == (400 if login_ends else 200)
    if not login_ends:
        assert both.who(renewed.json()) == (200, 200)


def test_tokens_of_users_from_before_stamps_end_too(both: Both) -> None:
    as_before_ids(both.records, "bob")
    bob = both.login("bob")
    assert both.who(bob) == (200, 200)
    both.users.disable("bob")
    both.users.enable("bob")
    assert both.who(bob) == (401, 401)
    assert both.who(both.login("bob")) == (200, 200)
    assert both.users.get("bob").id == "bob", "what was stored under the name stays theirs"


@pytest.mark.thorough
def test_granting_a_role_ends_nothing(both: Both) -> None:
    bob = both.login("bob")
    both.users.grant("bob", "admin")
    both.users.revoke("bob", "admin")
    both.users.revoke("bob", "admin")
    again = both.login("bob")
    both.users.grant("bob", "admin")
    both.users.enable("bob")
    assert (both.who(bob), both.who(again)) == ((401, 401), (200, 200))


def test_a_token_of_a_removed_user_is_not_the_next_ones(both: Both) -> None:
    bob = both.login("bob")
    both.users.remove("bob")
    again = both.users.create("bob", PASSWORD, ["viewer"])
    assert both.who(bob) == (401, 401)
    headers = {"Authorization": f"Bearer {both.login('bob')['access_token']}"}
    assert both.submit.get("/v1/me", headers=headers).json() == {
        "id": again.id, "name": "bob", "roles": ["viewer"], "groups": [],
    }  # fmt: skip
