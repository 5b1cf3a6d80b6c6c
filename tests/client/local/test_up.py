"""up: starting, stopping, being killed, and who may reach it."""

import contextlib
import json
import logging
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from fanfold_client.client import Client
from fanfold_client.local import up as up_module
from tests.client.counting import word_counts
from tests.client.services import COMMAND, Up, get_json
from tests.servers import wait_until
from tests.waiting import poll

FINAL = {"succeeded", "failed", "cancelled"}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Up]:
    """Services of one's own, to be killed."""
    services = Up(tmp_path / "own", "--host", "0.0.0.0", "--expose")
    yield services
    services.kill()


def start(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, "up", *words], capture_output=True, text=True, timeout=60)


def test_the_first_start_makes_an_admin_and_keeps_secrets_private(up: Up):
    user = up.ready["user"]
    assert set(up.ready) == {"url", "auth_url", "data", "user"}
    with Client.login(up.url, user["name"], user["password"]) as client:
        assert client.me() == {"id": client.users.get("admin")["id"], "name": "admin", "roles": ["admin"], "groups": []}
    assert stat.S_IMODE((up.data / "kek").stat().st_mode) == 0o600
    assert stat.S_IMODE(up.data.stat().st_mode) == 0o700
    said = up.log_tail()
    assert up.url in said.splitlines()[1]
    assert up.auth_url in said.splitlines()[2]


def test_a_second_one_on_the_same_folder_is_refused(up: Up):
    done = start("--port", "0", "--auth-port", "0", "--data", str(up.data))
    assert done.returncode == 5
    assert f"services are already running on {up.data}" in done.stderr


def test_a_port_that_is_taken(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = start("--port", str(taken.getsockname()[1]), "--auth-port", "0", "--data", str(tmp_path))
    assert done.returncode == 5
    assert "can't listen on 127.0.0.1" in done.stderr
    assert "choose another --port, or 0" in done.stderr


@pytest.mark.thorough
def test_a_demo_is_for_this_machine_alone(tmp_path: Path):
    done = start("--demo", "--host", "0.0.0.0", "--data", str(tmp_path))
    assert (done.returncode, "everybody knows the demo's password" in done.stderr) == (3, True)
    (tmp_path / "demo").touch()
    done = start("--host", "0.0.0.0", "--data", str(tmp_path))
    assert (done.returncode, "was used by a demo" in done.stderr) == (3, True)


@pytest.mark.thorough
def test_a_job_outlives_the_services_however_they_end(own: Up, tmp_path: Path):
    host, port = own.url.removeprefix("http://").split(":")
    told = get_json(f"http://127.0.0.2:{port}/v1/about")["auth_url"]  # it is told by the name that was asked
    assert told == own.auth_url.replace(host, "127.0.0.2")
    text = tmp_path / "text"
    text.write_text("".join(f"word{number % 5000} and more words\n" for number in range(200_000)))
    user = own.ready["user"]
    with Client.login(own.url, user["name"], user["password"]) as client:
        client.files.put("text", text)
        request = {"job": {"builtin": "wordcount"}, "inputs": ["files:text"], "split_size": 1 << 13, "partitions": 3}
        job = client.jobs.submit(request)["id"]
    done = 0
    for end in (signal.SIGTERM, signal.SIGKILL):
        with Client.login(own.url, user["name"], user["password"]) as client:
            wait_until(lambda: maps_done(client, job) > done, [own])  # noqa: B023 (called before the next turn)
            assert client.jobs.get(job)["state"] not in FINAL
            done = maps_done(client, job)
        assert own.stop(end) == (0 if end is signal.SIGTERM else -signal.SIGKILL)
        own.start()
        own.wait_ready()
        assert own.ready["user"] is None
    with Client.login(own.url, user["name"], user["password"]) as client:
        wait_until(lambda: client.jobs.get(job)["state"] in FINAL, [own])
        assert client.jobs.get(job)["state"] == "succeeded"
        assert [found["id"] for found in client.jobs.list()] == [job]
        lines = b"".join(client.jobs.read(job)).splitlines()
    assert sorted(lines) == sorted(word_counts(text).splitlines())


def maps_done(client: Client, job: str) -> int:
    steps = [step for stage in client.jobs.get(job)["stages"] for step in stage["steps"]]
    return sum(step["done"] for step in steps if step["step"] == "map")


def test_other_machines_are_let_in_only_when_that_is_asked_for(tmp_path: Path):
    done = start("--host", "0.0.0.0", "--port", "0", "--auth-port", "0", "--data", str(tmp_path / "own"))
    assert (done.returncode, "add --expose" in done.stderr) == (3, True)


def test_a_folder_that_others_can_read_is_refused(tmp_path: Path):
    (tmp_path / "kek").write_text("secret")
    tmp_path.chmod(0o755)
    done = start("--port", "0", "--auth-port", "0", "--data", str(tmp_path))
    assert (done.returncode, f"chmod 700 {tmp_path}" in done.stderr) == (3, True)


def test_on_loopback_a_foreign_host_is_refused_and_the_log_tells_who_asked(up: Up):
    with httpx.Client(trust_env=False) as http:
        for url in (f"{up.url}/healthz", f"{up.auth_url}/healthz"):
            for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
                assert http.get(url, headers=headers).status_code == 421
            sound = http.get(url)
            assert sound.status_code == 200
            poll(lambda: ("request_id", sound.headers["X-Request-Id"]) in logged(up))  # noqa: B023 (called at once)
            assert ("status", 421) in logged(up)


@pytest.mark.thorough
def test_idle_sockets_turn_nobody_away(up: Up):
    with contextlib.ExitStack() as stack, httpx.Client(trust_env=False) as http:
        for place in (httpx.URL(up.url), httpx.URL(up.auth_url)):
            for number in range(505):
                idle = stack.enter_context(socket.create_connection((place.host, place.port or 80), timeout=10))
                idle.sendall(b"GET /healthz HTTP/1.1\r\n" if number % 2 else b"")
        for url in (up.url, up.auth_url) * 5:
            assert http.get(f"{url}/healthz").status_code == 200


@pytest.mark.thorough
def test_what_does_not_belong_together_is_refused(tmp_path: Path):
    """A KEK or records that were exchanged or lost; the services start again once they are back."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for folder in (ours, theirs):
        services = Up(folder)
        services.kill()
    data, other = ours / "data", theirs / "data"

    def refused(words: str) -> None:
        done = start("--port", "0", "--auth-port", "0", "--data", str(data))
        assert (done.returncode, words in done.stderr) == (3, True), done.stderr

    (data / "kek").rename(data / "old-kek")
    refused(f"{data}/kek is missing")
    (data / "kek").write_bytes((other / "kek").read_bytes())
    refused("the KEK file differs")
    (data / "old-kek").rename(data / "kek")
    kept = {file: file.read_bytes() for file in data.glob("records.db*")}
    for file in kept:
        file.unlink()
    refused("know nothing of this store, which is in use")
    for file in (*other.glob("records.db*"), other / "kek"):
        (data / file.name).write_bytes(file.read_bytes())
    refused("belong to another store")
    for file in data.glob("records.db*"):
        file.unlink()
    for file, content in kept.items():
        file.write_bytes(content)
    refused("the KEK file differs")


def logged(up: Up) -> set[tuple[str, Any]]:
    """All fields of the log's whole lines."""
    lines = (up.data / "log").read_text().splitlines(keepends=True)
    return {item for line in lines if line.endswith("\n") for item in json.loads(line).items()}


def test_the_log_is_rotated_by_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(up_module, "LOG_BYTES", 1000)
    monkeypatch.setattr(up_module, "LOGS_KEPT", 2)
    with up_module._audit(tmp_path):
        for number in range(60):
            logging.getLogger("fanfold").info("line %d of about a hundred bytes", number)
    files = [tmp_path / name for name in ("log.2", "log.1", "log")]
    assert sorted(tmp_path.iterdir()) == sorted(files)
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    assert [line["event"].split()[1] for line in lines] == [str(number) for number in range(60 - len(lines), 60)]
    assert all(1000 <= file.stat().st_size < 1300 for file in files[:2])
