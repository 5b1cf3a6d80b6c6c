"""Refresh families against a model, under any order of logins, refreshes, replays, waits and endings."""

import os
import tempfile
from pathlib import Path

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fanfold_auth.accounts.passwords import Hashing
from fanfold_auth.accounts.users import Users
from fanfold_auth.refusals import InvalidGrant
from fanfold_auth.settings import Settings
from fanfold_auth.tokens.refresh import REPEAT_WITHIN, Refreshes
from fanfold_auth.tokens.sessions import Sessions
from fanfold_storage.records.sqlite import SqliteRecords
from tests.auth_api.service import CHEAP, PASSWORD, Clock

LIFE = 3600
NAMES = ("ann", "ben")
HASHING = Hashing(CHEAP)


class Login:
    """What the model knows of a family: every token it had, oldest first."""

    def __init__(self, user: str, token: str, ends: float) -> None:
        self.user, self.tokens, self.ends = user, [token], ends
        self.rotated = float("-inf")
        self.alive = True


class Families(RuleBasedStateMachine):
    """Two replicas on one store, and the model beside them."""

    def __init__(self) -> None:
        super().__init__()
        memory = Path("/dev/shm")
        self.folder = tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None)
        self.stores = [SqliteRecords(Path(self.folder.name) / "records.db") for _ in range(2)]
        self.clock = Clock()
        settings = Settings(issuer="https://auth.example.org", kek_file=Path("unused"), refresh_seconds=LIFE)
        self.users = [Users(store, HASHING, self.clock) for store in self.stores]
        self.replicas = [
            Refreshes(settings, store, users, Sessions(store, users, self.clock), self.clock)
            for store, users in zip(self.stores, self.users, strict=True)
        ]
        self.logins: list[Login] = []
        self.disabled: set[str] = set()

    @initialize()
    def people(self) -> None:
        for name in NAMES:
            self.users[0].create(name, PASSWORD, ["viewer"])

    @rule(name=st.sampled_from(NAMES), replica=st.integers(0, 1))
    def login(self, name: str, replica: int) -> None:
        if name not in self.disabled:
            token = self.replicas[replica].start(self.users[replica].get(name))
            self.logins.append(Login(name, token, self.clock() + LIFE))

    @precondition(lambda self: self.logins)
    @rule(data=st.data(), replica=st.integers(0, 1))
    def refresh(self, data: st.DataObject, replica: int) -> None:
        login = data.draw(st.sampled_from(self.logins), "login")
        back = data.draw(st.integers(1, min(4, len(login.tokens))), "how old a token")
        token = login.tokens[-back]
        try:
            user, successor = self.replicas[replica].rotate(token)
        except InvalidGrant:
            assert not self.holds(login, back)
            login.alive = False
            return
        assert self.holds(login, back)
        assert user.name == login.user
        if back == 1:
            assert successor not in [known for other in self.logins for known in other.tokens]
            login.tokens.append(successor)
            login.rotated = self.clock()
        else:
            assert successor == login.tokens[-1]

    def holds(self, login: Login, back: int) -> bool:
        fresh = back == 1 or (back == 2 and self.clock() - login.rotated <= REPEAT_WITHIN)
        return login.alive and self.clock() < login.ends and login.user not in self.disabled and fresh

    @precondition(lambda self: self.logins)
    @rule(data=st.data(), replica=st.integers(0, 1))
    def log_out(self, data: st.DataObject, replica: int) -> None:
        login = data.draw(st.sampled_from(self.logins), "login")
        self.replicas[replica].revoke(data.draw(st.sampled_from(login.tokens), "token"))
        login.alive = False

    @rule(name=st.sampled_from(NAMES), end=st.sampled_from(["password", "remove"]), replica=st.integers(0, 1))
    def end_all(self, name: str, end: str, replica: int) -> None:
        users = self.users[replica]
        if end == "password":
            users.set_password(name, PASSWORD)
        else:
            users.remove(name)
            users.create(name, PASSWORD, ["viewer"])
            self.disabled.discard(name)
        self.forget(name)

    @rule(name=st.sampled_from(NAMES), replica=st.integers(0, 1))
    def disable_or_enable(self, name: str, replica: int) -> None:
        if name in self.disabled:
            self.users[replica].enable(name)
            self.disabled.discard(name)
        else:
            self.users[replica].disable(name)
            self.disabled.add(name)
            self.forget(name)

    def forget(self, name: str) -> None:
        for login in self.logins:
            login.alive = login.alive and login.user != name

    @rule(seconds=st.sampled_from([0.5, REPEAT_WITHIN, REPEAT_WITHIN + 0.5, LIFE / 2]))
    def wait(self, seconds: float) -> None:
        self.clock.forward(seconds)

    @invariant()
    def no_token_serves_two_logins(self) -> None:
        tokens = [token for login in self.logins for token in login.tokens]
        assert len(tokens) == len(set(tokens))

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        self.folder.cleanup()


TestFamilies = Families.TestCase
TestFamilies.settings = hypothesis_settings(max_examples=40, stateful_step_count=30, deadline=None)
