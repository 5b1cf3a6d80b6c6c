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


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """Services that this module's tests may kill; alive between tests."""
    services = Up(tmp_path_factory.mktemp("own"), "--host", "0.0.0.0")
    yield services
    services.kill()


def up(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, "up", *words], capture_output=True, text=True, timeout=60)


def test_the_first_start_makes_an_admin_and_keeps_secrets_private(own: Up):
    user = own.ready["user"]
    assert set(own.ready) == {"url", "auth_url", "data", "user"}
    with Client.login(own.url, user["name"], user["password"]) as client:
        assert client.me() == {"name": "admin", "roles": ["admin"]}
    assert stat.S_IMODE((own.data / "kek").stat().st_mode) == 0o600
    assert stat.S_IMODE(own.data.stat().st_mode) == 0o700
    said = own.log_tail()
    assert own.url in said.splitlines()[1]
    assert own.auth_url in said.splitlines()[2]


def test_it_tells_the_name_by_which_it_was_reached(own: Up):
    port, auth_port = (url.rpartition(":")[2] for url in (own.url, own.auth_url))
    assert get_json(f"http://127.0.0.2:{port}/v1/about")["auth_url"] == f"http://127.0.0.2:{auth_port}"


def test_a_second_one_on_the_same_folder_is_refused(own: Up):
    done = up("--port", "0", "--auth-port", "0", "--data", str(own.data))
    assert done.returncode == 5
    assert f"services run on {own.data} already" in done.stderr


def test_a_port_that_is_taken(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = up("--port", str(taken.getsockname()[1]), "--auth-port", "0", "--data", str(tmp_path))
    assert done.returncode == 5
    assert "can't listen on 127.0.0.1" in done.stderr


def test_a_demo_is_for_this_machine_alone(tmp_path: Path):
    done = up("--demo", "--host", "0.0.0.0", "--data", str(tmp_path))
    assert (done.returncode, "a password that everybody knows" in done.stderr) == (3, True)
    (tmp_path / "demo").touch()
    done = up("--host", "0.0.0.0", "--data", str(tmp_path))
    assert (done.returncode, "was a demo's" in done.stderr) == (3, True)


def test_a_job_outlives_the_services_however_they_end(own: Up, tmp_path: Path):
    text = tmp_path / "text"
    text.write_text("".join(f"word{number % 5000} and more words\n" for number in range(200_000)))
    user = own.ready["user"]
    with Client.login(own.url, user["name"], user["password"]) as client:
        client.files.put("text", text)
        request = {"job": {"builtin": "wordcount"}, "inputs": ["files:text"], "split_size": 1 << 16, "partitions": 3}
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
