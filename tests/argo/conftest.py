"""Fanfold installed on the test cluster as a person would, and people who use it."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.argo.installation import Installation, kubectl

FANFOLD = [sys.executable, "-m", "fanfold_client"]


@pytest.hookimpl(trylast=True)  # after pytest has grouped them by storage
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """First what needs no installation: some make one of their own, in the same namespace and at the same ports."""
    items.sort(key=lambda item: "installation" in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session", autouse=True)
def cluster() -> None:
    """Nothing here is skipped where there is no cluster: it fails."""
    assert os.environ.get("FANFOLD_CLUSTER") == "1", "there is no test cluster: run this through `make test-cluster`"


@pytest.fixture(scope="session", params=["pvc", "s3"])
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
