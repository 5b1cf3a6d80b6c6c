"""The provider against a model, under any order of logins, codes, refreshes, reuse, waits and endings, on two replicas.

Users, browsers' sessions, codes, the applications' tokens, their refresh families and clients all end each other in
some way; the model says which of them hold, and every answer of the provider has to agree.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fanfold_auth.openid.refusals import BadAuthorization, InvalidClient, UnknownUserCode
from fanfold_auth.refusals import InvalidGrant
from fanfold_auth.settings import Settings
from fanfold_auth.tokens.refresh import REPEAT_WITHIN
from fanfold_auth.tokens.sessions import Session
from fanfold_storage.records.sqlite import SqliteRecords
from fanfold_web.refusals import Refusal, Unauthenticated
from tests.auth_api.openid.world import (
    APPLICATION,
    LIFE,
    NAMES,
    SECRET,
    code_for,
    exchange,
    log_in,
    memory_folder,
    people,
    poll_device,
    refresh,
    service_on,
)
from tests.auth_api.service import Clock

replicas = st.integers(0, 1)


@dataclass(eq=False)
class Browser:
    """A browser's session."""

    user: str
    session: Session
    cookie: str
    ends: float
    alive: bool = True


@dataclass(eq=False)
class Grant:
    """A code, and what it has become: the access token and refresh tokens of an application."""

    browser: Browser
    code: str
    expires: float
    offline: bool
    used: bool = False
    alive: bool = True
    """Whether the tokens that it was used for hold."""
    access: list[tuple[str, float]] = field(default_factory=list)
    refreshes: list[str] = field(default_factory=list)
    rotated: float = float("-inf")
    ends: float = 0.0


class Machine(RuleBasedStateMachine):
    """Two replicas on one store, and the model beside them."""

    settings_: Settings
    ring: dict[str, Any]

    def __init__(self) -> None:
        super().__init__()
        self.folder = memory_folder()
        self.clock = Clock()
        self.stores = [SqliteRecords(Path(self.folder.name) / "records.db") for _ in range(2)]
        self.services = [service_on(store, self.settings_, self.ring, self.clock) for store in self.stores]
        people(self.services[0])
        self.services[0].openid.clients.put(APPLICATION, SECRET)
        self.registered = True
        self.browsers: list[Browser] = []
        self.grants: list[Grant] = []
        self.devices: list[dict[str, Any]] = []

    # What holds

    def in_browser(self, browser: Browser) -> bool:
        return browser.alive and self.clock() < browser.ends

    def has_session(self, grant: Grant) -> bool:
        """Whether the application's session holds."""
        lasts = self.clock() < grant.ends if grant.offline else self.in_browser(grant.browser)
        return grant.used and grant.alive and lasts

    # Rules

    @rule(name=st.sampled_from(NAMES), replica=replicas)
    def log_in(self, name: str, replica: int) -> None:
        session, cookie = log_in(self.services[replica], name)
        self.browsers.append(Browser(name, session, cookie, self.clock() + LIFE))

    @precondition(lambda self: self.browsers)
    @rule(data=st.data(), replica=replicas)
    def log_in_again(self, data: st.DataObject, replica: int) -> None:
        """As another user perhaps; the browser's old session ends."""
        old = data.draw(st.sampled_from(self.browsers), "browser")
        name = data.draw(st.sampled_from(NAMES), "name")
        session, cookie = log_in(self.services[replica], name, old.session)
        old.alive = False
        self.browsers.append(Browser(name, session, cookie, self.clock() + LIFE))

    @precondition(lambda self: self.browsers)
    @rule(data=st.data(), replica=replicas, offline=st.booleans())
    def authorize(self, data: st.DataObject, replica: int, offline: bool) -> None:
        browser = data.draw(st.sampled_from(self.browsers), "browser")
        found = self.services[replica].sessions.of_cookie(browser.cookie)
        assert (found is not None) == self.in_browser(browser)
        if found is None:
            return
        assert found[1].name == browser.user
        try:
            code = code_for(self.services[replica], found[0], "openid offline_access" if offline else "openid")
        except BadAuthorization:
            assert not self.registered
            return
        assert self.registered
        self.grants.append(Grant(browser, code, self.clock() + 60, offline))

    @precondition(lambda self: self.grants)
    @rule(data=st.data(), replica=replicas, verifier=st.sampled_from([True, True, True, False]))
    def use_code(self, data: st.DataObject, replica: int, verifier: bool) -> None:
        grant = data.draw(st.sampled_from(self.grants), "grant")
        proves = {} if verifier else {"verifier": "b" * 43}
        holds = verifier and self.registered and not grant.used and self.in_browser(grant.browser)
        try:
            redeemed, access = exchange(self.services[replica], grant.code, **proves)
        except (InvalidGrant, InvalidClient):
            assert not (holds and self.clock() < grant.expires)
            if grant.used and verifier and self.registered:
                grant.alive = False
            return
        assert holds and self.clock() < grant.expires
        assert redeemed.user.name == grant.browser.user
        grant.used, grant.ends = True, self.clock() + (LIFE if grant.offline else 600)
        grant.access.append((access, self.clock() + 600))
        if grant.offline:
            assert redeemed.refresh_token
            grant.refreshes.append(redeemed.refresh_token)

    @precondition(lambda self: any(grant.refreshes for grant in self.grants))
    @rule(data=st.data(), replica=replicas)
    def refresh(self, data: st.DataObject, replica: int) -> None:
        grant = data.draw(st.sampled_from([grant for grant in self.grants if grant.refreshes]), "grant")
        back = data.draw(st.integers(1, min(3, len(grant.refreshes))), "how old a token")
        fresh = back == 1 or (back == 2 and self.clock() - grant.rotated <= REPEAT_WITHIN)
        holds = self.registered and self.has_session(grant) and fresh
        try:
            redeemed, access = refresh(self.services[replica], grant.refreshes[-back])
        except (InvalidGrant, InvalidClient):
            assert not holds
            if self.registered and not fresh:
                grant.alive = False
            return
        assert holds and redeemed.refresh_token
        if back == 1:
            grant.refreshes.append(redeemed.refresh_token)
            grant.rotated = self.clock()
        assert redeemed.refresh_token == grant.refreshes[-1]
        grant.access.append((access, self.clock() + 600))

    @precondition(lambda self: any(grant.access for grant in self.grants))
    @rule(data=st.data(), replica=replicas)
    def read_claims(self, data: st.DataObject, replica: int) -> None:
        grant = data.draw(st.sampled_from([grant for grant in self.grants if grant.access]), "grant")
        access, expires = data.draw(st.sampled_from(grant.access), "token")
        try:
            _, user = self.services[replica].openid.reader_of_claims(access)
        except Unauthenticated:
            assert not (self.has_session(grant) and self.clock() < expires)
            return
        assert self.has_session(grant) and self.clock() < expires + 60
        assert user.name == grant.browser.user

    @precondition(lambda self: self.browsers)
    @rule(data=st.data(), replica=replicas)
    def log_out(self, data: st.DataObject, replica: int) -> None:
        browser = data.draw(st.sampled_from(self.browsers), "browser")
        self.services[replica].sessions.drop(browser.session)
        browser.alive = False

    @rule(name=st.sampled_from(NAMES), how=st.sampled_from(["everywhere", "disabled", "removed"]), replica=replicas)
    def end_all(self, name: str, how: str, replica: int) -> None:
        users = self.services[replica].users
        if how == "everywhere":
            users.log_out(name)
        elif how == "disabled":
            users.disable(name)
            users.enable(name)
        else:
            users.remove(name)
            users.create(name, "quite a long pass phrase", ["admin"])
        for browser in self.browsers:
            browser.alive = browser.alive and browser.user != name
        for grant in self.grants:
            grant.alive = grant.alive and grant.browser.user != name

    @rule(replica=replicas)
    def register_or_remove_the_application(self, replica: int) -> None:
        clients = self.services[replica].openid.clients
        if self.registered:
            clients.remove(APPLICATION.id)
        else:
            clients.put(APPLICATION, SECRET)
        self.registered = not self.registered

    @rule(replica=replicas)
    def start_device(self, replica: int) -> None:
        token, shown = self.services[replica].openid.devices.start("192.0.2.1")
        self.devices.append({"token": token, "shown": shown, "expires": self.clock() + 600, "state": "pending"})

    @precondition(lambda self: self.devices and self.browsers)
    @rule(data=st.data(), replica=replicas, allow=st.booleans())
    def decide_device(self, data: st.DataObject, replica: int, allow: bool) -> None:
        device = data.draw(st.sampled_from(self.devices), "device")
        browser = data.draw(st.sampled_from(self.browsers), "browser")
        found = self.services[replica].sessions.of_cookie(browser.cookie)
        if found is None:
            return
        try:
            self.services[replica].openid.devices.decide(found[0], device["shown"], allow=allow)
        except UnknownUserCode:
            assert device["state"] != "pending" or self.clock() >= device["expires"]
            return
        assert device["state"] == "pending" and self.clock() < device["expires"]
        device.update(state="allowed" if allow else "denied", browser=browser)

    @precondition(lambda self: self.devices)
    @rule(data=st.data(), replica=replicas)
    def ask_for_device(self, data: st.DataObject, replica: int) -> None:
        device = data.draw(st.sampled_from(self.devices), "device")
        holds = device["state"] == "allowed" and self.in_browser(device["browser"])
        kept = self.clock() < device["expires"] + 120
        try:
            redeemed = poll_device(self.services[replica], device["token"])
        except Refusal:
            assert not (holds and kept)
        else:
            assert holds and redeemed.user.name == device["browser"].user
        if device["state"] != "pending":
            device["state"] = "used"

    @rule(seconds=st.sampled_from([1.0, REPEAT_WITHIN, REPEAT_WITHIN + 1, 59.0, 300.0, 600.0, LIFE / 2]))
    def wait(self, seconds: float) -> None:
        self.clock.forward(seconds)

    # What always holds

    @invariant()
    def sessions_are_listed(self) -> None:
        for name in NAMES:
            user = self.services[0].users.get(name)
            listed = {session.id for session in self.services[1].sessions.page(user).sessions}
            own = [browser for browser in self.browsers if browser.user == name]
            assert {browser.session.id for browser in own if self.in_browser(browser)} <= listed
            assert not {browser.session.id for browser in own if not self.in_browser(browser)} & listed

    @invariant()
    def everybody_can_log_in(self) -> None:
        for name in NAMES:
            self.services[0].check_password(name, "quite a long pass phrase", "192.0.2.1")

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        self.folder.cleanup()


@pytest.mark.thorough
def test_the_provider_agrees_with_the_model(settings: Settings, ring: dict[str, Any]) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    machine = type("Wired", (Machine,), {"settings_": settings, "ring": ring})
    options = hypothesis_settings(max_examples=40, stateful_step_count=30, deadline=None)
    run_state_machine_as_test(machine, settings=options)
