"""`python -m fanfold_auth`: the first admin, exit statuses, and replicas as real processes on one store."""

import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from fanfold_auth.__main__ import main
from fanfold_auth.keys.keys import KEYS
from fanfold_auth.settings import Settings
from fanfold_storage.records.protocol import Write
from fanfold_storage.urls import open_records
from tests.auth_api.service import PASSWORD, Clock, bearer, start_replica
from tests.servers import EtcdCluster


@pytest.fixture
def environ(tmp_path: Path, settings: Settings) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FANFOLD_")}
    return clean | {
        "FANFOLD_AUTH_RECORDS": f"sqlite://{tmp_path}/auth.db",
        "FANFOLD_AUTH_ISSUER": "https://auth.example.org",
        "FANFOLD_AUTH_KEK_FILE": str(settings.kek_file),
    }


def run(environ: dict[str, str], *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "fanfold_auth", *arguments]
    return subprocess.run(command, env=environ, input=stdin, capture_output=True, timeout=60)


@dataclass
class Process:
    """A served replica: where it is, and what it logs."""

    process: subprocess.Popen[str]
    url: str = ""
    lines: list[dict[str, Any]] = field(default_factory=list)
    told: threading.Event = field(default_factory=threading.Event)

    def read(self) -> None:
        """Take in its log, line by line, until it ends."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(json.loads(line))
            if "url" in self.lines[-1]:
                self.url = self.lines[-1]["url"]
                self.told.set()


@contextlib.contextmanager
def served(environ: dict[str, str], count: int, host: str = "127.0.0.1") -> Iterator[list[Process]]:
    command = [sys.executable, "-m", "fanfold_auth", "serve", "--host", host, "--port", "0"]
    with contextlib.ExitStack() as stack:
        replicas = []
        for _ in range(count):
            process = stack.enter_context(subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True))
            replica = Process(process)
            reader = threading.Thread(target=replica.read)
            reader.start()
            stack.callback(reader.join)
            stack.callback(process.kill)
            replicas.append(replica)
        assert all(replica.told.wait(timeout=60) for replica in replicas)
        yield replicas


def fill(url: str, ring: dict[str, Any]) -> None:
    """Leave nothing there but the session's signing key."""
    records = open_records(url)
    for record in records.scan("auth/", limit=1000).records:
        records.transact([], [Write(record.key, None)])
    records.transact([], [Write(KEYS, ring)])
    records.close()


@pytest.mark.thorough
def test_two_processes_over_a_real_etcd(
    environ: dict[str, str], etcd_server: EtcdCluster, ring: dict[str, Any]
) -> None:
    environ["FANFOLD_AUTH_RECORDS"] = etcd_server.url
    fill(etcd_server.url, ring)
    made = run(environ, "admin", "ada", "--password-stdin", stdin=f"{PASSWORD}\nmore\n".encode())
    assert (made.returncode, made.stdout) == (0, b"")
    with served(environ, 2) as (one, two):
        login = {"name": "ada", "password": PASSWORD}
        tokens = httpx.post(f"{one.url}/v1/login", json=login).json()
        assert httpx.get(f"{two.url}/v1/me", headers=bearer(tokens["access_token"])).json()["roles"] == ["admin"]
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        assert httpx.post(f"{two.url}/v1/token", data=form).status_code == 200
        keys = httpx.get(f"{one.url}/v1/keys").json()
        assert len(keys["keys"]) == 1
        assert httpx.get(f"{two.url}/v1/keys").json() == keys
        assert httpx.get(f"{two.url}/readyz").status_code == 200
        one.process.send_signal(signal.SIGINT)
        assert one.process.wait(timeout=30) == 130
        two.process.send_signal(signal.SIGTERM)
        assert two.process.wait(timeout=30) == 0
    assert [line["path"] for line in one.lines if line["event"] == "request"] == ["/v1/login", "/v1/keys"]
    assert PASSWORD not in str(one.lines)


@pytest.mark.thorough
def test_killed_at_once_they_lose_nobodys_session(
    environ: dict[str, str], etcd_server: EtcdCluster, ring: dict[str, Any]
) -> None:
    environ["FANFOLD_AUTH_RECORDS"] = etcd_server.url
    fill(etcd_server.url, ring)
    assert run(environ, "admin", "ada", "--password-stdin", stdin=PASSWORD.encode()).returncode == 0
    with served(environ, 2) as killed:
        tokens = httpx.post(f"{killed[0].url}/v1/login", json={"name": "ada", "password": PASSWORD}).json()
        body = {"name": "ci", "role": "viewer", "expires_in": 3600}
        made = httpx.post(f"{killed[1].url}/v1/tokens", json=body, headers=bearer(tokens["access_token"])).json()
        for replica in killed:
            replica.process.kill()
    with served(environ, 2) as (one, two):
        assert httpx.get(f"{one.url}/v1/me", headers=bearer(tokens["access_token"])).status_code == 200
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        assert httpx.post(f"{two.url}/v1/token", data=form).status_code == 200
        exchange = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token_type": "urn:fanfold:token-type:api-token",
            "subject_token": made["token"],
        }
        assert httpx.post(f"{one.url}/v1/token", data=exchange).status_code == 200


@pytest.mark.thorough
def test_it_is_reached_over_ipv6(environ: dict[str, str], ring: dict[str, Any]) -> None:
    fill(environ["FANFOLD_AUTH_RECORDS"], ring)
    with served(environ, 1, "::1") as (one,):
        assert one.url.startswith("http://[::1]:")
        assert httpx.get(f"{one.url}/readyz").status_code == 200


Main = Callable[..., tuple[int, str]]


@pytest.fixture
def run_here(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Main:
    """The same without a process: exit status and stderr."""

    def run(*arguments: str, stdin: bytes = b"", **changes: str) -> tuple[int, str]:
        for name, value in (environ | changes).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        try:
            status = main(arguments)
        except SystemExit as exit_:
            status = int(exit_.code or 0)
        return status, capsys.readouterr().err

    return run


@pytest.mark.parametrize(
    ("arguments", "changes", "words"),
    [
        (["serve", "--port", "70000"], {}, "'70000' is not a port"),
        ([], {}, "serve | admin"),
        (["admin", "ada"], {}, "--password-stdin"),
        (["serve"], {"FANFOLD_AUTH_ISSUER": ""}, "FANFOLD_AUTH_ISSUER is not set"),
        (["serve"], {"FANFOLD_AUTH_KEK_FILE": "/nowhere/kek"}, "cannot read the KEK file /nowhere/kek"),
        (["serve"], {"FANFOLD_AUTH_RECORDS": ""}, "give --records URL or set FANFOLD_AUTH_RECORDS"),
        (["serve"], {"FANFOLD_AUTH_RECORDS": "mysql://x"}, "mysql://x"),
    ],
)
def test_usage(run_here: Main, arguments: list[str], changes: dict[str, str], words: str) -> None:
    status, told = run_here(*arguments, **changes)
    assert (status, words in told) == (2, True)


@pytest.mark.parametrize(
    ("name", "password", "words"),
    [
        ("Ada", PASSWORD.encode(), "'Ada' is not a user name"),
        ("ada", b"short", "fewer than 8"),
        ("ada", b"", "fewer than 8"),
        ("ada", b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8", "not UTF-8"),
    ],
)
def test_an_admin_that_cannot_be(run_here: Main, name: str, password: bytes, words: str) -> None:
    status, told = run_here("admin", name, "--password-stdin", stdin=password)
    assert (status, words in told) == (3, True)


def test_a_wrong_kek_is_refused(run_here: Main, environ: dict[str, str], ring: dict[str, Any], tmp_path: Path) -> None:
    fill(environ["FANFOLD_AUTH_RECORDS"], ring)
    (tmp_path / "kek").write_bytes(os.urandom(32))
    status, told = run_here("serve", "--port", "0", FANFOLD_AUTH_KEK_FILE=str(tmp_path / "kek"))
    assert (status, "the KEK file differs" in told) == (3, True)


def test_a_taken_port_is_refused(run_here: Main, environ: dict[str, str], ring: dict[str, Any]) -> None:
    fill(environ["FANFOLD_AUTH_RECORDS"], ring)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        status, told = run_here("serve", "--host", "127.0.0.1", "--port", str(taken.getsockname()[1]))
    assert (status, "Choose another --host or --port" in told) == (3, True)


def test_a_user_that_is_there_is_in_conflict(run_here: Main) -> None:
    assert run_here("admin", "ada", "--password-stdin", stdin=PASSWORD.encode())[0] == 0
    status, told = run_here("admin", "ada", "--password-stdin", stdin=b"another pass phrase")
    assert (status, "There is a user 'ada' already" in told) == (5, True)


def test_an_absent_store_is_away(run_here: Main) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = f"etcd://127.0.0.1:{listener.getsockname()[1]}"
    status, told = run_here("admin", "ada", "--password-stdin", "--records", nobody, stdin=PASSWORD.encode())
    assert (status, "no response from the records" in told) == (6, True)


def test_making_an_admin_loads_no_web_framework(environ: dict[str, str]) -> None:
    code = "import sys, fanfold_auth.__main__; print({'fastapi', 'uvicorn', 'pydantic', 'etcd3'} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, timeout=60)
    assert loaded.stdout == b"set()\n"


def test_the_way_back_when_the_last_admins_password_is_lost(
    run_here: Main, environ: dict[str, str], settings: Settings, ring: dict[str, Any], clock: Clock
) -> None:
    """While the service serves: the replica knows nothing of the process that sets the password."""
    fill(environ["FANFOLD_AUTH_RECORDS"], ring)
    assert run_here("admin", "ada", "--password-stdin", stdin=b"a pass phrase that is lost")[0] == 0
    with contextlib.closing(open_records(environ["FANFOLD_AUTH_RECORDS"])) as records:
        replica = start_replica(settings, records, clock)
        before = replica.tokens("ada", "a pass phrase that is lost")
        for _ in range(3):
            assert replica.login("ada").status_code == 401
        status, told = run_here("password", "ada", "--password-stdin", stdin=PASSWORD.encode() + b"\n")
        assert (status, told) == (0, "Set the password of ada, and ended their logins.\n")
        assert replica.login("ada").status_code == 200
        assert replica.me(before["access_token"]).status_code == 401
        assert replica.refresh(before["refresh_token"]).status_code == 400


def test_a_lost_password_leaves_api_tokens_unless_told_otherwise(
    run_here: Main, environ: dict[str, str], settings: Settings, ring: dict[str, Any]
) -> None:
    fill(environ["FANFOLD_AUTH_RECORDS"], ring)
    run_here("admin", "ada", "--password-stdin", stdin=PASSWORD.encode())
    with contextlib.closing(open_records(environ["FANFOLD_AUTH_RECORDS"])) as records:
        service = start_replica(settings, records, time.time).service
        service.api_tokens.create(service.users.get("ada"), "ci", "submitter", 3600)
        told = run_here("password", "ada", "--password-stdin", stdin=PASSWORD.encode())[1]
        assert "API tokens that may still act for ada: 1. Run this with --tokens" in told
        told = run_here("password", "ada", "--password-stdin", "--tokens", stdin=PASSWORD.encode())[1]
        assert told == "Set the password of ada, and ended their logins.\n"
        assert service.api_tokens.of(service.users.get("ada")) == []


def test_at_a_terminal_a_password_is_asked_for_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]
) -> None:
    for name, content in environ.items():
        monkeypatch.setenv(name, content)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("fanfold_auth.__main__.getpass", lambda question: PASSWORD if question == "Password: " else "")
    assert main(["admin", "ada", "--password-stdin"]) == 0


def test_who_is_admin_can_be_asked_where_the_records_are(
    run_here: Main, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("eve", "ada"):
        run_here("admin", name, "--password-stdin", stdin=PASSWORD.encode())
    assert main(["admins"]) == 0
    assert capsys.readouterr().out == "ada\neve\n"


@pytest.mark.parametrize(
    ("name", "password", "status", "words"),
    [
        ("nobody", PASSWORD.encode(), 5, "There is no user 'nobody'"),
        ("ada", b"short", 3, "fewer than 8"),
        ("ada", b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8", 3, "not UTF-8"),
    ],
)
def test_a_password_that_cannot_be_set(run_here: Main, name: str, password: bytes, status: int, words: str) -> None:
    run_here("admin", "ada", "--password-stdin", stdin=PASSWORD.encode())
    ended, told = run_here("password", name, "--password-stdin", stdin=password)
    assert (ended, words in told) == (status, True)


def test_records_are_migrated_by_one_command(run_here: Main, environ: dict[str, str]) -> None:
    with contextlib.closing(open_records(environ["FANFOLD_AUTH_RECORDS"])) as records:
        value = {"id": "i", "name": "ada", "roles": ["admin"], "disabled": False, "created": 1.0}
        value |= {"epoch": "e", "stamp": "s", "password": "p"}
        records.transact([], [Write("auth/users/ada", value), Write("auth/admins", {"names": ["ada"]})])
        for count in (1, 0):
            told = run_here("migrate")
            assert told == (0, f"Users are stored in version 2 now; rewrote {count} of them.\n")
        assert (records.get("auth/users/ada") or pytest.fail()).value["version"] == 2
