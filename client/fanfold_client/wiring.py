"""The two services over one folder: records in SQLite, objects in files, jobs as local processes."""

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI

import fanfold_auth.app
import fanfold_auth.settings
import fanfold_submit.app
import fanfold_submit.settings
from fanfold.engines.local import LocalEngine
from fanfold_auth.sealing import ensure_kek
from fanfold_auth.users import Users
from fanfold_storage.records import Records
from fanfold_storage.urls import open_objects, open_records

GUEST, ADMIN = "guest", "admin"
RECONCILE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Account:
    """A user that this start made, with the password in clear: shown once."""

    name: str
    password: str


@dataclass(frozen=True, slots=True)
class Services:
    """Both apps and what they stand on."""

    data: Path
    records: Records
    auth: FastAPI
    submit: FastAPI

    @classmethod
    @contextmanager
    def open(cls, data: Path, auth_url: str, told: str) -> "Iterator[Services]":
        """Wire them; `told` is the auth service's URL as users get it. Workers end at the end, jobs do not."""
        store = data.absolute() / "store"
        store.mkdir(exist_ok=True)
        ensure_kek(kek_file := data / "kek")
        records_url = "sqlite:" + (data.absolute() / "records.db").as_uri().removeprefix("file:")
        auth = fanfold_auth.settings.Settings(issuer=auth_url, kek_file=kek_file)
        submit = fanfold_submit.settings.Settings(
            issuer=auth_url, jwks_url=f"{auth_url}/v1/keys", auth_url=told, reconcile_seconds=RECONCILE_SECONDS
        )
        with closing(open_records(records_url)) as records, closing(LocalEngine()) as engine:
            objects = open_objects(f"{store.as_uri()}/")
            yield cls(
                data,
                records,
                fanfold_auth.app.build_app(auth, records),
                fanfold_submit.app.build_app(submit, records, objects, engine),
            )

    def first_user(self, *, demo: bool) -> Account | None:
        """The demo's guest; without a demo an admin, if there is nobody yet."""
        users = Users(self.records)
        if demo:
            (self.data / "demo").touch()
            if not users.find(GUEST):
                users.create(GUEST, GUEST, ["submitter"], any_password=True)
            return Account(GUEST, GUEST)
        if users.page(limit=1).users:
            return None
        account = Account(ADMIN, secrets.token_urlsafe(12))
        users.create(account.name, account.password, ["admin"])
        return account
