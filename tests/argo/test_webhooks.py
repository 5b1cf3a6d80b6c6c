"""A job's end told to somebody outside the cluster, by the words of argo/README.md: the setting, and the policy."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.argo.installation import Installation, kubectl
from tests.argo.outside import WORLD, outside

README = (Path(__file__).parents[2] / "argo/README.md").read_text()
SCHEDULES = (Path(__file__).parents[2] / "docs/schedules.md").read_text()
RECEIVE = """
import http.server, json

class Told(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        print(json.dumps({"path": self.path, "headers": headers, "body": body}), flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass

server = http.server.HTTPServer(("", 443), Told)
print("listening", flush=True)
server.serve_forever()
"""


@pytest.fixture
def let_out(installation: Installation) -> Iterator[Installation]:
    """Webhooks to one host are allowed, and the network lets the service out to it."""
    (policy,) = re.findall(r"```yaml\n(  apiVersion.*?name: fanfold-webhooks.*?)```", README, re.DOTALL)
    assert WORLD in policy
    installation.configure(f"FANFOLD_SUBMIT_WEBHOOKS=http://{WORLD}:443/hooks/,{WORLD}/32")
    subprocess.run(["kubectl", "apply", "-n", installation.namespace, "-f", "-"], input=policy, text=True, check=True)
    yield installation
    kubectl("delete", "networkpolicy", "fanfold-webhooks", "-n", installation.namespace)
    installation.configure("FANFOLD_SUBMIT_WEBHOOKS-")


def test_a_host_outside_is_told_that_a_job_has_ended(let_out: Installation, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("to be or not to be\n")
    secret = let_out.fanfold("webhook", "secret").strip()
    with outside(RECEIVE) as told:
        url = f"http://{WORLD}:443/hooks/jobs"
        job = let_out.fanfold("submit", "wordcount", "--input", tmp_path / "a.txt", "--notify", url).strip()
        message = json.loads(told.readline())
    body = json.loads(message["body"])
    assert (message["path"], body["type"], body["data"]["id"]) == ("/hooks/jobs", "job.succeeded", job)
    names: dict[str, object] = {}
    exec(SCHEDULES.partition("```python\n")[2].partition("```")[0], names)
    is_genuine = names["is_genuine"]
    assert callable(is_genuine) and is_genuine(message["headers"], message["body"].encode(), secret)


def test_a_host_that_isnt_listed_is_refused(let_out: Installation, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a\n")
    url = "http://169.254.169.254/latest/meta-data/"
    let_out.fanfold("submit", "wordcount", "--input", tmp_path / "a.txt", "--notify", url, status=4)
