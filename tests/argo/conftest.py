"""Fanfold installed on the test cluster as a person would, and people who use it."""

import json
import os
import secrets
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.argo.installation import Installation, kubectl

FANFOLD = [sys.executable, "-m", "fanfold_client"]


STORAGES = ["pvc", "s3"]
IN_TURN = ("tests.argo.test_features", "tests.argo.test_mrjob", "tests.argo.test_retry")
"""Modules with many cases that differ little by storage."""


@pytest.hookimpl(wrapper=True, tryfirst=True)  # before those that are long are left out; and after all else
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Mark what is long, and put first what needs no installation.

    Some of that makes an installation of its own, in the same namespace and at the same ports.
    """
    _run_in_turn([item for item in items if isinstance(item, pytest.Function) and item.module.__name__ in IN_TURN])
    yield
    items.sort(key=lambda item: "installation" in getattr(item, "fixturenames", ()))


def _run_in_turn(items: list[pytest.Function]) -> None:
    """Each case on one storage, by turns; on the other one it is long."""
    cases: Counter[tuple[str, str]] = Counter()
    for item in items:
        storage = str(item.callspec.params["installation"])
        cases[item.originalname, storage] += 1
        if cases[item.originalname, storage] % len(STORAGES) != STORAGES.index(storage):
            item.add_marker(pytest.mark.long)


@pytest.fixture(scope="session", autouse=True)
def cluster() -> None:
    """Nothing here is skipped where there is no cluster: it fails."""
    assert os.environ.get("FANFOLD_CLUSTER") == "1", "there is no test cluster: run this through `make test-cluster`"


@pytest.fixture(scope="session", params=STORAGES)
def installation(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """`fanfold deploy --overlay test`, once with files on a volume and once in S3; removed with its data."""
    where = ["--overlay", "test", "--storage", request.param]
    deployed = subprocess.run([*FANFOLD, "deploy", *where, "--json"], capture_output=True, text=True, timeout=400)
    assert deployed.returncode == 0, deployed.stderr
    told = json.loads(deployed.stdout)
    home: Path = tmp_path_factory.mktemp(f"home-{request.param}")
    admin = Installation(told["namespace"], told["url"], told["admin"], told["password"], home / "admin")
    admin.login()
    yield _submitter(admin, home)
    subprocess.run([*FANFOLD, "undeploy", "--overlay", "test", "--data", "--yes"], check=True, timeout=300)
    kubectl("wait", "--for=delete", f"namespace/{admin.namespace}", "--timeout=120s")


@pytest.fixture
def another(installation: Installation, tmp_path: Path) -> Installation:
    """Somebody else who uses the same installation."""
    assert installation.admin
    return _submitter(installation.admin, tmp_path)


def _submitter(admin: Installation, home: Path) -> Installation:
    """A new user, who may submit jobs and has logged in."""
    name, password = f"u{secrets.token_hex(4)}", secrets.token_urlsafe(16)
    admin.fanfold("users", "add", name, "--role", "submitter", "--password-stdin", stdin=f"{password}\n")
    submitter = Installation(admin.namespace, admin.url, name, password, home / name, admin)
    submitter.login()
    return submitter
