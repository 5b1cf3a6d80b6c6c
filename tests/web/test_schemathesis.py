"""schemathesis asks both services all that their OpenAPI documents describe, and more, with every check that it has."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.client.services import Up

HERE = Path(__file__).parent
EXAMPLES = os.environ.get("FANFOLD_SCHEMATHESIS_EXAMPLES", "3")


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    services = Up(tmp_path_factory.mktemp("up"))
    yield services
    services.stop()


@pytest.fixture(scope="module", autouse=True)
def things(up: Up) -> None:
    """A user whose password schemathesis sets (schemathesis.toml), and input for a job."""
    victim = {"name": "victim", "password": "a pass phrase to be replaced", "roles": ["viewer"]}
    with httpx.Client(headers={"Authorization": f"Bearer {token_of(up)}"}, trust_env=False, timeout=30) as http:
        http.post(f"{up.auth_url}/v1/users", json=victim).raise_for_status()
        http.put(f"{up.url}/v1/files/texts/a.txt", content=b"a b a\n").raise_for_status()


def token_of(up: Up) -> str:
    login = {"name": up.ready["user"]["name"], "password": up.ready["user"]["password"]}
    answer = httpx.post(f"{up.auth_url}/v1/login", json=login, timeout=30, trust_env=False).raise_for_status()
    token: str = answer.json()["access_token"]
    return token


@pytest.mark.thorough
@pytest.mark.timeout(400)
@pytest.mark.parametrize("who", ["nobody", "an admin"])
@pytest.mark.parametrize("service", ["submit", "auth"])
def test_no_check_fails(up: Up, service: str, who: str, tmp_path: Path) -> None:
    url = up.url if service == "submit" else up.auth_url
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml")]
    command += ["run", f"{url}/openapi.json", "--checks", "all", "--max-examples", EXAMPLES, "--no-color"]
    command += ["--seed", "7", "--generation-deterministic"]
    token = token_of(up)
    if who == "an admin":
        command += ["-H", f"Authorization: Bearer {token}"]
    environ = os.environ | {"SCHEMATHESIS_HOOKS": str(HERE / "schemathesis_hooks.py"), "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environ, cwd=tmp_path, timeout=390)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    me = httpx.get(f"{url}/v1/me", headers={"Authorization": f"Bearer {token}"}, trust_env=False)
    assert me.status_code == 200, "the admin's token has ended on the way, so that the rest was only refused"
