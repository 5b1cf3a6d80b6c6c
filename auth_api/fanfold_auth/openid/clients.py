"""Clients: the applications at which people may log in through this service.

    auth/clients/ID   {redirect_uris, post_logout_redirect_uris, secret, pkce, created, stamp}

A client either has a secret, of which only the SHA-256 is stored, or is public and must use PKCE. A secret is 256
random bits; one that an operator brings must be as long. `fanfold`, the command, is built in: it is public, listens on
a loopback address, and gets tokens for the services themselves. All other clients get tokens that only `/userinfo`
accepts. Those bear the client's stamp, which is random: when a client is removed, its tokens end, and one that is
registered under the same id later doesn't inherit them.
"""

import hmac
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from fanfold_auth.openid import redirect_uris
from fanfold_auth.openid.refusals import BadClient, ClientExists, InvalidClient, NoSuchClient, TooManyClients
from fanfold_auth.stored import kept, known
from fanfold_auth.tokens.opaque import hashed, new_secret
from fanfold_storage.records.protocol import Conflict, Expect, Record, Records, Value, Write
from fanfold_web.refusals import Contended
from fanfold_web.tokens.authorization import FIRST_PARTY, NAME_PATTERN

CLIENTS = "auth/clients/"
MOST = 100
SHORTEST_SECRET, LONGEST_SECRET = 32, 256
_SECRET = re.compile(f"[!-~]{{{SHORTEST_SECRET},{LONGEST_SECRET}}}")
_TRIES = 10


@dataclass(frozen=True, slots=True)
class Client:
    """An application."""

    id: str
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...] = ()
    pkce: bool = True
    """Whether it must use PKCE. Argo's server can't."""
    secret: str = ""
    """The SHA-256 of its secret; empty: it is public."""
    created: float = 0.0
    stamp: str = ""
    """Those of before there were stamps have an empty one."""

    @property
    def is_public(self) -> bool:
        """Whether it has no secret, as a program on users' machines can't keep one."""
        return not self.secret

    @property
    def is_first_party(self) -> bool:
        """Whether it is this project's own command."""
        return self.id == FIRST_PARTY

    def is_one(self, client_id: str, stamp: str) -> bool:
        """Whether what was granted to a client of this id and stamp is this one's."""
        return (self.id, self.stamp) == (client_id, stamp)

    def allows(self, redirect_uri: str) -> bool:
        """Whether users may be sent back there."""
        return redirect_uris.matches(self.redirect_uris, redirect_uri)


COMMAND = Client(FIRST_PARTY, ("http://127.0.0.1/callback", "http://[::1]/callback"))
"""The command `fanfold`."""


class Clients:
    """The clients in a store of records."""

    def __init__(self, records: Records, now: Callable[[], float] = time.time) -> None:
        self._records, self._now = records, now

    def add(self, client: Client, *, public: bool = False) -> tuple[Client, str | None]:
        """Register a client; the secret is returned once and never again. Raises BadClient, ClientExists."""
        secret = None if public else new_secret()
        client = replace(self._checked(client, secret), stamp=_new_stamp())
        if len(self.all()) >= MOST:
            raise TooManyClients(f"{MOST} clients are registered, the most that are kept. Remove one.")
        if isinstance(self._write(client, None), Conflict):
            raise ClientExists(f"There is a client {client.id!r} already. Choose another id, or remove that client.")
        return client, secret

    def put(self, client: Client, secret: str | None, *, plain_http: bool = False) -> Client:
        """Register a client with this secret (None: public), or change it into that. Raises BadClient.

        With `plain_http`, it may be elsewhere than on a loopback address without TLS.
        """
        client = self._checked(client, secret, plain_http=plain_http)
        for _ in range(_TRIES):
            record = self._records.get(CLIENTS + client.id)
            client = replace(client, stamp=_client(record).stamp if record else _new_stamp())
            if not isinstance(self._write(client, record), Conflict):
                return client
        raise Contended

    def find(self, client_id: str) -> Client | None:
        """The client, or None; `client_id` may be any text."""
        if client_id == FIRST_PARTY:
            return COMMAND
        record = self._records.get(CLIENTS + client_id) if re.fullmatch(NAME_PATTERN, client_id) else None
        return _client(record) if record else None

    def knows(self, client_id: str, stamp: str) -> bool:
        """Whether a client is registered that has this stamp, so that what was granted to it holds."""
        client = self.find(client_id)
        return client is not None and client.is_one(client_id, stamp)

    def get(self, client_id: str) -> Client:
        """A client that is registered. Raises NoSuchClient."""
        client = self.find(client_id)
        if client is None or client is COMMAND:
            raise NoSuchClient(f"There is no client {client_id[:80]!r}. List all with GET /v1/clients.")
        return client

    def all(self) -> list[Client]:
        """All that are registered, by id."""
        return [_client(record) for record in self._records.scan(CLIENTS, limit=MOST).records]

    def remove(self, client_id: str) -> None:
        """Forget a client, so that its tokens end. Raises NoSuchClient."""
        self.get(client_id)
        self._records.transact([], [Write(CLIENTS + client_id, None)])

    def authenticated(self, client_id: str, secret: str) -> Client:
        """The client, if that is its secret; a public one has the empty secret. Raises InvalidClient."""
        client = self.find(client_id)
        sent = hashed(secret) if secret else ""
        if client is None or not hmac.compare_digest(client.secret, sent):
            raise InvalidClient
        return client

    def _checked(self, client: Client, secret: str | None, *, plain_http: bool = False) -> Client:
        """The client as it is to be stored. Raises BadClient."""
        if client.id == FIRST_PARTY or not re.fullmatch(NAME_PATTERN, client.id):
            raise BadClient(
                f"{client.id[:80]!r} is not an id for a client: use 1 to 63 of a-z, 0-9, '.', '_' and '-', with a "
                f"letter or digit at both ends, and not {FIRST_PARTY!r}."
            )
        if not client.redirect_uris:
            raise BadClient("A client needs a redirect URI: where its users are sent back to.")
        if secret is None and not client.pkce:
            raise BadClient("A client without a secret must use PKCE.")
        if secret is not None and not _SECRET.fullmatch(secret):
            raise BadClient(
                f"A client's secret has {SHORTEST_SECRET} to {LONGEST_SECRET} visible ASCII characters. "
                "Make one with: openssl rand -hex 32"
            )
        return replace(
            client,
            redirect_uris=redirect_uris.check(client.redirect_uris, plain_http=plain_http),
            post_logout_redirect_uris=redirect_uris.check(client.post_logout_redirect_uris, plain_http=plain_http),
            secret=hashed(secret) if secret else "",
            created=self._now(),
        )

    def _write(self, client: Client, before: Record | None) -> int | Conflict:
        key, value = CLIENTS + client.id, kept(Client, before.value if before else {}, _value(client))
        return self._records.transact([Expect(key, before.revision if before else 0)], [Write(key, value)])


def _new_stamp() -> str:
    return secrets.token_hex(10)


def _value(client: Client) -> Value:
    value = asdict(client)
    del value["id"]
    return value


def _client(record: Record) -> Client:
    return known(Client, record.value, id=record.key.removeprefix(CLIENTS))
