"""`python -m fanfold_submit serve` as operators start it: killed in the middle of a job, started again, stopped."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fanfold_submit.__main__ import main
from tests.submit_api.conftest import ISSUER, KeyServer, Signer, User
from tests.waiting import poll

TEXT = b"".join(b"line %d has words\n" % number for number in range(5_000))


class Process:
    """A serving process and where it serves."""

    def __init__(self, folder: Path, keys: KeyServer) -> None:
        settings = {
            "FANFOLD_SUBMIT_ISSUER": ISSUER,
            "FANFOLD_SUBMIT_JWKS_URL": keys.url,
            "FANFOLD_SUBMIT_AUTH_URL": "http://{host}:1337",
            "FANFOLD_SUBMIT_RECORDS": f"sqlite://{folder}/records.db",
            "FANFOLD_SUBMIT_STORE": f"file://{folder}/data",
            "FANFOLD_SUBMIT_ENGINE": "local",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fanfold_submit", "serve", "--host", "127.0.0.1", "--port", "0"],
            env={**os.environ, **settings},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[dict[str, str]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr
        with self.process.stderr as stderr:
            self.lines.extend(json.loads(line) for line in stderr)

    @property
    def url(self) -> str:
        def served() -> str | None:
            return next((line["url"] for line in self.lines if line["event"] == "serving"), None)

        return str(poll(served))

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        status = self.process.wait(timeout=20)
        self._reader.join(timeout=20)
        return status


@contextmanager
def serving(folder: Path, keys: KeyServer) -> Iterator[Process]:
    process = Process(folder, keys)
    try:
        yield process
    finally:
        process.process.kill()
        process.process.wait()


@pytest.mark.thorough
def test_a_job_outlives_the_service(tmp_path: Path, key_server: KeyServer, signer: Signer) -> None:
    token = signer.token()
    with serving(tmp_path, key_server) as first:
        ada = User(first.url, token)
        ada.put("texts/a.txt", TEXT)
        job = ada.submit(key="once", output="files:counts/", partitions=2, split_size=2048, workers=2).json()["id"]
        poll(lambda: next(iter((tmp_path / "data" / "jobs" / job).glob("stage-0/map/commits/*")), None))
        assert not (tmp_path / "data" / "jobs" / job / "report.json").exists(), "killed too late to tell anything"
        first.end(signal.SIGKILL)
        ada.http.close()
    with serving(tmp_path, key_server) as second:
        ada = User(second.url, token)
        ada.wait(job)
        assert (
            ada.submit(key="once", output="files:counts/", partitions=2, split_size=2048, workers=2).status_code == 200
        )
        rows = dict(line.split(b"\t") for line in ada.http.get(f"/v1/jobs/{job}/results/data").content.splitlines())
        assert rows[b"line"] == rows[b"words"] == b"5000" and len(rows) == 5_003
        ada.http.close()
        assert second.end(signal.SIGTERM) == 0
        requests = [line for line in second.lines if line["event"] == "request"]
        assert requests and all(line["user"] == "ada" for line in requests)


ENVIRONMENT = {
    "FANFOLD_SUBMIT_ISSUER": ISSUER,
    "FANFOLD_SUBMIT_JWKS_URL": "http://auth.test/v1/keys",
    "FANFOLD_SUBMIT_AUTH_URL": "http://auth.test",
    "FANFOLD_SUBMIT_ENGINE": "local",
}


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"FANFOLD_SUBMIT_STORE": ""}, 2, "FANFOLD_SUBMIT_STORE is not set"),
        ({"FANFOLD_SUBMIT_RECORDS": "mysql://x"}, 2, "mysql://x"),
        ({"FANFOLD_SUBMIT_ENGINE": "magic"}, 2, "FANFOLD_SUBMIT_ENGINE is 'magic'"),
        ({"FANFOLD_SUBMIT_ENGINE": "argo"}, 2, "FANFOLD_SUBMIT_NAMESPACE is not set"),
        ({}, 3, "cannot listen on 127.0.0.1"),
    ],
)
def test_what_keeps_it_from_serving_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, str],
    status: int,
    words: str,
) -> None:
    stores = {"FANFOLD_SUBMIT_STORE": str(tmp_path), "FANFOLD_SUBMIT_RECORDS": f"sqlite://{tmp_path}/records.db"}
    for name, value in {**ENVIRONMENT, **stores, **changes}.items():
        monkeypatch.setenv(name, value)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["serve", "--host", "127.0.0.1", "--port", port]) == status
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("port", ["70000", "-1", "http"])
def test_a_port_that_is_none_is_refused(capsys: pytest.CaptureFixture[str], port: str) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["serve", "--port", port])
    assert exit_.value.code == 2 and f"'{port}' is not a port" in capsys.readouterr().err
