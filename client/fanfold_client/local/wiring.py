"""Wire both services to one folder: records in SQLite, objects in files, jobs as local processes."""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI

import fanfold_auth.app
import fanfold_auth.settings
import fanfold_submit.app
import fanfold_submit.settings
from fanfold.engines.local.engine import SERVICES_UMASK, LocalEngine
from fanfold.engines.local.environ import of_users_jobs
from fanfold_auth.accounts import demo as demo_accounts
from fanfold_auth.accounts.migration import migrate
from fanfold_auth.accounts.users import Users
from fanfold_auth.keys.sealing import ensure_kek
from fanfold_storage.records import Records
from fanfold_storage.urls import open_objects, open_records
from fanfold_submit.stores import lock_for_local_engine
from fanfold_web.command import CannotServe

ADMIN = "admin"
RECONCILE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Account:
    """A user that this start created, with the password in clear text, to be shown once."""

    name: str
    password: str


def engine_of_services() -> LocalEngine:
    """Jobs run as processes of whoever runs the services, with nothing that is meant for the services alone."""
    return LocalEngine(of_users_jobs(os.environ, in_s3=False), SERVICES_UMASK, adopts=True)


@dataclass(frozen=True, slots=True)
class Services:
    """Both apps, and their records."""

    data: Path
    records: Records
    auth: FastAPI
    submit: FastAPI

    @classmethod
    @contextmanager
    def open(
        cls, data: Path, auth_url: str, public_auth_url: str, hosts: tuple[str, ...], limits: Mapping[str, Any]
    ) -> "Iterator[Services]":
        """Wire the services; at the end, workers stop, and their jobs resume at the next start.

        Args:
            data: the folder for everything.
            auth_url: the auth service's URL on this machine.
            public_auth_url: its URL as the submit service tells users.
            hosts: the host names that requests may use; empty: any.
            limits: settings of the submit service: how much runs at a time, how long what is kept, which URLs
                are told.

        Raises:
            CannotServe: the KEK, the records and the store don't belong together, or another process uses the folder.
        """
        store = data.absolute() / "store"
        store.mkdir(exist_ok=True)
        kek_file = data / "kek"
        if not kek_file.exists() and (data / "records.db").exists():
            raise CannotServe(
                f"{kek_file} is missing, and the keys in {data / 'records.db'} are encrypted with it: put it back"
            )
        ensure_kek(kek_file)
        records_url = "sqlite:" + (data.absolute() / "records.db").as_uri().removeprefix("file:")
        auth = fanfold_auth.settings.Settings(issuer=auth_url, kek_file=kek_file, hosts=hosts)
        submit = fanfold_submit.settings.Settings(
            issuer=auth_url,
            jwks_url=f"{auth_url}/v1/keys",
            auth_url=public_auth_url,
            reconcile_seconds=RECONCILE_SECONDS,
            hosts=hosts,
            **limits,
        )
        objects = open_objects(f"{store.as_uri()}/")
        with (
            lock_for_local_engine(objects),
            closing(open_records(records_url)) as records,
            closing(engine_of_services()) as engine,
        ):
            submit_app = fanfold_submit.app.build_app(submit, records, objects, engine)
            submit_app.state.service.pairing.check()
            auth_app = fanfold_auth.app.build_app(auth, records)
            auth_app.state.service.keys.check()
            migrate(records, auth_app.state.service.users)  # no other process serves these records
            yield cls(data, records, auth_app, submit_app)

    def first_user(self, *, demo: bool) -> Account | None:
        """The demo's guest; without a demo, a new admin if there are no users yet."""
        users = Users(self.records)
        if demo:
            (self.data / "demo").touch()
            demo_accounts.create_accounts(users)
            return Account(demo_accounts.GUEST, demo_accounts.PASSWORD)
        if users.page(limit=1).users:
            return None
        account = Account(ADMIN, secrets.token_urlsafe(12))
        users.create(account.name, account.password, ["admin"])
        return account
