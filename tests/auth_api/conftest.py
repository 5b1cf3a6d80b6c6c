"""Records with a signing key in them, and replicas on them. One RSA key serves the session: making one takes long."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fanfold_auth.keys.keys import KEYS, Keys
from fanfold_auth.settings import Settings
from fanfold_storage.records.protocol import Records, Write
from fanfold_storage.records.sqlite import SqliteRecords
from tests.auth_api.service import PASSWORD, Clock, Replica, start_replica


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    kek_file = tmp_path_factory.mktemp("kek") / "kek"
    kek_file.write_bytes(os.urandom(32))
    return Settings(issuer="https://auth.example.org", kek_file=kek_file)


@pytest.fixture(scope="session")
def ring(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The value of `auth/keys` with one key that has signed since 1970."""
    records = SqliteRecords(tmp_path_factory.mktemp("ring") / "records.db")
    Keys(settings, records, lambda: 0.0).signing()
    record = records.get(KEYS)
    records.close()
    assert record is not None
    return record.value


@pytest.fixture
def empty_records(tmp_path: Path) -> Iterator[Records]:
    records = SqliteRecords(tmp_path / "records.db")
    yield records
    records.close()


@pytest.fixture
def records(empty_records: Records, ring: dict[str, Any]) -> Records:
    empty_records.transact([], [Write(KEYS, ring)])
    return empty_records


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def replica(settings: Settings, records: Records, clock: Clock) -> Replica:
    """A service that knows ada, an admin, and bob, a submitter."""
    replica = start_replica(settings, records, clock)
    replica.service.users.create("ada", PASSWORD, ["admin"])
    replica.service.users.create("bob", PASSWORD, ["submitter"])
    return replica


@pytest.fixture
def other(replica: Replica, settings: Settings, records: Records, clock: Clock) -> Replica:
    """A second replica of the same service, sharing nothing but the records."""
    return start_replica(settings, records, clock)


@pytest.fixture
def admin(replica: Replica) -> dict[str, str]:
    """Headers that speak for ada."""
    return replica.bearer("ada")
