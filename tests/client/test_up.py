"""up: starting, stopping, being killed, and who may reach it."""

import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fanfold_client.client import Client
from tests.client.counting import word_counts
from tests.client.services import COMMAND, Up, get_json
from tests.servers import wait_until

FINAL = {"succeeded", "failed", "cancelled"}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Up]:
    """Services of one's own, to be killed."""
    services = Up(tmp_path / "own", "--host", "0.0.0.0")
    yield services
    services.kill()


def start(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, "up", *words], capture_output=True, text=True, timeout=60)


def test_the_first_start_makes_an_admin_and_keeps_secrets_private(up: Up):
    user = up.ready["user"]
    assert set(up.ready) == {"url", "auth_url", "data", "user"}
    with Client.login(up.url, user["name"], user["password"]) as client:
        assert client.me() == {"name": "admin", "roles": ["admin"]}
    assert stat.S_IMODE((up.data / "kek").stat().st_mode) == 0o600
    assert stat.S_IMODE(up.data.stat().st_mode) == 0o700
    said = up.log_tail()
    assert up.url in said.splitlines()[1]
    assert up.auth_url in said.splitlines()[2]


def test_a_second_one_on_the_same_folder_is_refused(up: Up):
    done = start("--port", "0", "--auth-port", "0", "--data", str(up.data))
    assert done.returncode == 5
    assert f"services run on {up.data} already" in done.stderr


def test_a_port_that_is_taken(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = start("--port", str(taken.getsockname()[1]), "--auth-port", "0", "--data", str(tmp_path))
    assert done.returncode == 5
    assert "can't listen on 127.0.0.1" in done.stderr


def test_a_demo_is_for_this_machine_alone(tmp_path: Path):
    done = start("--demo", "--host", "0.0.0.0", "--data", str(tmp_path))
    assert (done.returncode, "a password that everybody knows" in done.stderr) == (3, True)
    (tmp_path / "demo").touch()
    done = start("--host", "0.0.0.0", "--data", str(tmp_path))
    assert (done.returncode, "was a demo's" in done.stderr) == (3, True)


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
