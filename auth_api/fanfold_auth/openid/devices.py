"""The device grant (RFC 8628): `fanfold login` on a machine without a browser.

    auth/devices/ID           {hash, code, expires, interval, asked, state, …}; expires a while after the code
    auth/user-codes/HASH      {device}; expires with the code, and is gone once somebody has decided
    auth/waiting/ADDRESS/ID   likewise: the devices at an address that wait, which are counted; of the address, the hash

The machine shows a short code, which somebody types on the page `/device` in any browser, and asks for tokens
meanwhile. The code has 8 consonants, 34 bits; it is valid for ten minutes, can be decided upon once, and a user may
mistype it ten times in ten minutes. The device code, which yields the tokens, is `ID.SECRET`, 128 and 256 random bits.
Of both, only the SHA-256 is stored.

Anybody may start a login, and whoever shares an address with many others, as behind a proxy, counts with them. So the
number of devices that wait there is bounded only to keep the records from growing.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Literal

from fanfold_auth.accounts.throttle import network
from fanfold_auth.accounts.users import User
from fanfold_auth.openid.allowance import Allowance
from fanfold_auth.openid.refusals import (
    AccessDenied,
    AuthorizationPending,
    ExpiredDeviceCode,
    SlowDown,
    UnknownUserCode,
)
from fanfold_auth.refusals import InvalidGrant, Throttled
from fanfold_auth.stored import kept, known
from fanfold_auth.tokens.opaque import hashed, matches, mint, name_in, new_name
from fanfold_auth.tokens.sessions import Session, Sessions
from fanfold_storage.records.protocol import Conflict, Expect, Records, Value, Write
from fanfold_web.refusals import Contended

DEVICES = "auth/devices/"
USER_CODES = "auth/user-codes/"
WAITING = "auth/waiting/"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
SECONDS, INTERVAL = 600, 5
_KEPT = 120.0  # seconds for which a device is told that its code has expired
_MISTYPED = 10
MOST_WAITING = 1000  # at one address; a page of records has no more
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"  # no vowels, so no words; nothing that looks like a digit (RFC 8628 §6.1)
_LENGTH = 8
_TRIES = 10


@dataclass(frozen=True, slots=True)
class Device:
    """A machine that waits for somebody's decision."""

    hash: str
    code: str
    """The SHA-256 of the code that it shows."""
    expires: float
    address: str = ""
    """The SHA-256 of where it is; empty: it was started by an older version, which didn't store that."""
    interval: int = INTERVAL
    """The seconds that it has to wait before it asks again."""
    asked: float = 0.0
    state: Literal["pending", "allowed", "denied"] = "pending"
    user_id: str = ""
    browser: str = ""
    """The session of the browser in which it was allowed."""


class Devices:
    """The machines in a store of records that wait for a login."""

    def __init__(self, records: Records, sessions: Sessions, now: Callable[[], float] = time.time) -> None:
        self._records, self._sessions, self._now = records, sessions, now
        self._guesses = Allowance(
            records, "user codes", _MISTYPED, SECONDS, "You have entered a wrong code too many times.", now
        )

    def start(self, address: str) -> tuple[str, str]:
        """A device code, and the code to show. Raises Throttled."""
        where = hashed(network(address))
        if len(self._records.scan(f"{WAITING}{where}/", limit=MOST_WAITING).records) >= MOST_WAITING:
            raise Throttled(
                "Too many devices at your address are waiting for a login. Try again in 60 s.", retry_after=60
            )
        name = new_name()
        token = mint(name)
        for _ in range(_TRIES):
            shown = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
            device = Device(hashed(token), hashed(shown), self._now() + SECONDS, where)
            code = Write(USER_CODES + device.code, {"device": name}, float(SECONDS))
            expected = [Expect(DEVICES + name, 0), Expect(code.key, 0)]
            waits = Write(_waiting(device, name), {}, float(SECONDS))
            writes = [self._write(DEVICES + name, device, {}), code, waits]
            if not isinstance(self._records.transact(expected, writes), Conflict):
                return token, f"{shown[:4]}-{shown[4:]}"
        raise Contended

    def guess(self, user: User, typed: str) -> str:
        """The code as devices show it, if one waits with what a user has typed; if not, that counts as a guess.

        Raises UnknownUserCode, Throttled.
        """
        self._guesses.use(user.id)
        code = "".join(letter for letter in typed.upper() if letter.isalnum())[:64]
        if self._records.get(USER_CODES + hashed(code)) is None:
            raise UnknownUserCode
        self._guesses.give_back(user.id)
        return f"{code[:4]}-{code[4:]}"

    def decide(self, session: Session, shown: str, *, allow: bool) -> None:
        """Allow or refuse a device for whoever is logged in, once. Raises UnknownUserCode."""
        key = USER_CODES + hashed(shown.replace("-", ""))
        code = self._records.get(key)
        record = self._records.get(DEVICES + code.value["device"]) if code else None
        if code is None or record is None:
            raise UnknownUserCode
        device = known(Device, record.value)
        if device.state != "pending" or self._now() >= device.expires:
            raise UnknownUserCode
        decided = replace(device, state="allowed" if allow else "denied", user_id=session.user_id, browser=session.id)
        # The device may ask at the same moment, which changes its record; so the code alone decides who is first.
        writes = [self._write(record.key, decided, record.value), Write(key, None)]
        if device.address:
            writes.append(Write(_waiting(device, code.value["device"]), None))
        if isinstance(self._records.transact([Expect(key, code.revision)], writes), Conflict):
            raise UnknownUserCode

    def use(self, token: str) -> User:
        """Whoever has allowed the device, once.

        Raises InvalidGrant, AuthorizationPending, SlowDown, AccessDenied, ExpiredDeviceCode.
        """
        name = name_in(token)
        for _ in range(_TRIES):
            record = self._records.get(DEVICES + name) if name else None
            if record is None or not matches(record.value["hash"], token):
                raise InvalidGrant("The device code is unknown, was used, or expired long ago. Start again.")
            device = known(Device, record.value)
            if device.state == "pending" and self._now() >= device.expires:
                raise ExpiredDeviceCode
            after = None if device.state != "pending" else self._asked(device)
            write = self._write(record.key, after, record.value) if after else Write(record.key, None)
            if not isinstance(self._records.transact([Expect(record.key, record.revision)], [write]), Conflict):
                return self._answer(device, after)
        raise Contended

    def _asked(self, device: Device) -> Device:
        """The device, which has asked and has to wait; longer, if it didn't wait."""
        early = self._now() - device.asked < device.interval
        return replace(device, asked=self._now(), interval=device.interval + (5 if early else 0))

    def _answer(self, before: Device, after: Device | None) -> User:
        if after and after.interval > before.interval:
            raise SlowDown(f"You ask too often. Wait for {after.interval} s before each request from now on.")
        if after:
            raise AuthorizationPending(f"Nobody has decided yet. Ask again in {after.interval} s.")
        if before.state == "denied":
            raise AccessDenied
        session = self._sessions.find(before.user_id, before.browser)
        user = self._sessions.user_of(session) if session else None
        if user is None:
            raise InvalidGrant("Whoever allowed this device has logged out since. Start again.")
        return user

    def _write(self, key: str, device: Device, before: Value) -> Write:
        return Write(key, kept(Device, before, asdict(device)), max(2.0, device.expires - self._now() + _KEPT))


def _waiting(device: Device, name: str) -> str:
    return f"{WAITING}{device.address}/{name}"
