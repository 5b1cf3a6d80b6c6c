"""What a script can do that knows HTTP and the standard library alone: no import of ours drives the services here."""

import hashlib
import io
import json
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.client.counting import word_counts
from tests.client.services import PASSWORD, Person

WORDS = """
from fanfold import Job, Sum

def words(line):
    for word in line.split():
        yield word, 1

counted = Job(map=words, reduce=Sum())
"""


class Script:
    """A few lines over urllib."""

    def __init__(self, person: Person) -> None:
        self.url = person.up.url
        body = {"name": person.name, "password": PASSWORD}
        _, self.tokens = self.call(f"{person.up.auth_url}/v1/login", "POST", body)
        self.token = self.tokens["access_token"]

    def call(self, url: str, method: str = "GET", body: Any = None, **headers: str) -> tuple[int, Any]:
        """Send JSON or bytes; the status and the answer."""
        url = url if "://" in url else self.url + url
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        headers = {"Content-Type": kind} | {name.replace("_", "-"): value for name, value in headers.items()}
        if hasattr(self, "token"):
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(url, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, content, form = answer.status, answer.read(), answer.headers.get_content_type()
        except urllib.error.HTTPError as error:
            status, content, form = error.code, error.read(), error.headers.get_content_type()
        return status, json.loads(content) if content and form.endswith(("/json", "+json")) else content

    def put_texts(self, texts: Path) -> None:
        for path in texts.rglob("*"):
            if path.is_file():
                name = urllib.parse.quote(path.relative_to(texts).as_posix())
                status, stored = self.call(f"/v1/files/texts/{name}", "PUT", path.read_bytes())
                assert status == 201
                assert stored["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()

    def put_code(self, name: str, text: str) -> str:
        """Upload a bundle of one file; its SHA-256."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as bundle:
            bundle.writestr(name, text)
        sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
        assert self.call(f"/v1/bundles/{sha256}", "PUT", buffer.getvalue())[0] in (200, 201)
        return sha256

    def run(self, request: dict[str, Any]) -> Any:
        """Submit and poll to the end."""
        status, job = self.call("/v1/jobs", "POST", request)
        assert status == 202
        deadline = time.monotonic() + 60
        while job["state"] not in {"succeeded", "failed", "cancelled"}:
            assert time.monotonic() < deadline, job
            time.sleep(0.05)
            job = self.call(f"/v1/jobs/{job['id']}")[1]
        return job


@pytest.fixture
def script(fanfold: Person) -> Script:
    return Script(fanfold)


@pytest.mark.thorough
def test_a_built_in_job(script: Script, texts: Path):
    script.put_texts(texts)
    job = script.run({"job": {"builtin": "wordcount"}, "inputs": ["files:texts/"], "output": "files:counts/"})
    assert job["state"] == "succeeded", job
    _, listed = script.call("/v1/files?prefix=counts/")
    assert "counts/_SUCCESS" in {item["path"] for item in listed["items"]}
    status, data = script.call(f"/v1/jobs/{job['id']}/results/data")
    assert (status, data) == (200, word_counts(texts))
    status, some = script.call(f"/v1/jobs/{job['id']}/results/data", Range="bytes=3-9")
    assert (status, some) == (206, data[3:10])
    _, preview = script.call(f"/v1/jobs/{job['id']}/results/preview?records=2")
    assert preview["records"] == data.decode().splitlines()[:2]


SPLIT = "#!/usr/bin/awk -f\n{ for (i = 1; i <= NF; i++) print $i }\n"


@pytest.mark.thorough
def test_programs_with_the_files_of_a_bundle(script: Script):
    script.call("/v1/files/a.txt", "PUT", b"b a\nc a\n" * 1000)
    sha256 = script.put_code("split.awk", SPLIT)
    stage = {"map": {"program": "./split.awk"}, "reduce": {"program": "uniq -c"}}
    spec = {"bundle": sha256, "stages": [stage]}
    job = script.run({"job": {"spec": spec}, "inputs": ["files:a.txt"], "partitions": 1, "split_size": 2048})
    assert job["state"] == "succeeded", job
    data = script.call(f"/v1/jobs/{job['id']}/results/data")[1]
    assert data.split() == [b"2000", b"a", b"1000", b"b", b"1000", b"c"]


@pytest.mark.thorough
def test_a_program_that_is_not_there_and_one_that_wants_a_shell(script: Script, texts: Path):
    script.put_texts(texts)
    request = {"job": {"spec": {"stages": [{"map": {"program": "no-such-program"}}]}}, "inputs": ["files:texts/"]}
    job = script.run(request)
    assert job["state"] == "failed"
    assert "there is no program 'no-such-program'" in job["error"]["detail"]
    request["job"] = {"spec": {"stages": [{"map": {"program": "cut -f1 | sort"}}]}}
    status, problem = script.call("/v1/jobs", "POST", request)
    assert (status, problem["type"]) == (422, "urn:fanfold:problem:invalid-spec")
    assert "stages.0.map: `cut -f1 | sort` is run without a shell" in problem["detail"]


@pytest.mark.thorough
def test_a_bundle_made_by_hand(script: Script, texts: Path):
    script.put_texts(texts)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        bundle.writestr("mine.py", WORDS)
    sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
    assert script.call(f"/v1/bundles/{sha256}", "HEAD")[0] == 404
    assert script.call(f"/v1/bundles/{sha256}", "PUT", buffer.getvalue())[0] == 201
    assert script.call(f"/v1/bundles/{sha256}", "PUT", buffer.getvalue())[0] == 200
    job = script.run({"job": {"bundle": sha256, "entry": "mine:counted"}, "inputs": ["files:texts/"], "partitions": 1})
    assert job["state"] == "succeeded", job
    assert script.call(f"/v1/jobs/{job['id']}/results/data")[1] == word_counts(texts)


STAGES = """
from fanfold import *

def user(row):
    yield row["name"], (0, row["city"])

def order(record):
    yield record["user"], (1, 1)

def city_of(name, values):
    city = "nowhere"
    for kind, value in values:
        if kind:
            yield city, value
        else:
            city = value

joined = Job(
    inputs={"users": Input(CSV(), map=user), "orders": Input(JSONL(), map=order)},
    stages=[Stage(reduce=city_of, partitions=3), Stage(reduce=Sum(), partitions=1)],
)
"""


@pytest.mark.thorough
@pytest.mark.parametrize("by_entry", [True, False])
def test_stages_and_named_inputs(script: Script, by_entry: bool):
    script.call("/v1/files/users.csv", "PUT", b"name,city\nann,Bern\nbob,Rome\neve,Bern\n")
    for number, users in enumerate([["ann", "bob"], ["eve", "ann", "joe"]]):
        lines = "".join(json.dumps({"user": user}) + "\n" for user in users)
        script.call(f"/v1/files/orders/{number}.jsonl", "PUT", lines.encode())
    script.call("/v1/files/orders/notes.txt", "PUT", b"no order\n")
    sha256 = script.put_code("mine.py", STAGES)
    places = {"orders": ["files:orders/*.jsonl"], "users": ["files:users.csv"]}
    spec = {
        "bundle": sha256,
        "inputs": {
            "users": {"format": {"format": "csv"}, "map": {"function": "mine:user"}},
            "orders": {"format": {"format": "jsonl"}, "map": {"function": "mine:order"}},
        },
        "stages": [
            {"reduce": {"function": "mine:city_of"}, "partitions": 3},
            {"reduce": {"aggregate": "Sum"}, "partitions": 1},
        ],
    }
    named = {"bundle": sha256, "entry": "mine:joined"} if by_entry else {"spec": spec}
    job = script.run({"job": named, "inputs": places})
    assert job["state"] == "succeeded", job
    assert job["inputs"] == places
    steps = [[(step["step"], step["tasks"], step["done"]) for step in stage["steps"]] for stage in job["stages"]]
    assert steps == [[("split", 1, 1), ("map", 2, 2), ("reduce", 3, 3)], [("map", 3, 3), ("reduce", 1, 1)]]
    assert [stage["index"] for stage in job["stages"]] == [0, 1]
    assert script.call(f"/v1/jobs/{job['id']}/results/data")[1] == b"Bern\t3\nRome\t1\nnowhere\t1\n"


@pytest.mark.thorough
def test_a_job_without_a_reducer(script: Script):
    data = "".join(f"line {number}\n" for number in range(1000))
    script.call("/v1/files/a.txt", "PUT", data.encode())
    sha256 = script.put_code("upper.py", "def upper(line):\n    return [line.upper()]\n")
    spec = {"bundle": sha256, "stages": [{"map": {"function": "upper:upper"}}]}
    job = script.run({"job": {"spec": spec}, "inputs": ["files:a.txt"], "split_size": 2048})
    assert job["state"] == "succeeded", job
    assert len(script.call(f"/v1/jobs/{job['id']}/results")[1]["parts"]) == 5
    assert script.call(f"/v1/jobs/{job['id']}/results/data")[1] == data.upper().encode()


NAMED = """
from fanfold import *

def number(line):
    yield (line[0], int(line[1:])) if line[1:].isdigit() else To("rejects", {"line": line})

sums = Job(map=number, reduce=Sum(), outputs={"rejects": JSONL()})
"""


@pytest.mark.thorough
def test_named_outputs(script: Script):
    script.call("/v1/files/a.txt", "PUT", b"a1\nb2\nax\na3\ny\n")
    sha256 = script.put_code("named.py", NAMED)
    named = {"bundle": sha256, "entry": "named:sums"}
    job = script.run({"job": named, "inputs": ["files:a.txt"], "output": "files:out/", "partitions": 1})
    assert job["state"] == "succeeded", job
    results = script.call(f"/v1/jobs/{job['id']}/results")[1]
    assert [part["name"] for part in results["parts"]] == ["part-00000.txt"]
    assert [(part["name"], part["records"]) for part in results["outputs"]["rejects"]] == [("part-00000.jsonl", 2)]
    assert script.call(f"/v1/jobs/{job['id']}/results/data")[1] == b"a\t4\nb\t2\n"
    rejects = b'{"line":"ax"}\n{"line":"y"}\n'
    assert script.call(f"/v1/jobs/{job['id']}/results/data?output=rejects")[1] == rejects
    assert script.call("/v1/files/out/rejects/part-00000.jsonl")[1] == rejects
    preview = script.call(f"/v1/jobs/{job['id']}/results/preview?output=rejects&records=1")[1]
    assert preview == {"records": ['{"line":"ax"}'], "more": True}
    status, problem = script.call(f"/v1/jobs/{job['id']}/results/data?output=other")
    assert (status, "its named outputs are rejects" in problem["detail"]) == (404, True)


def test_tokens_are_refreshed(script: Script, fanfold: Person):
    form = urllib.parse.urlencode({"grant_type": "refresh_token", "refresh_token": script.tokens["refresh_token"]})
    url = f"{fanfold.up.auth_url}/v1/token"
    _, fresh = script.call(url, "POST", form.encode(), Content_Type="application/x-www-form-urlencoded")
    script.token = fresh["access_token"]
    status, me = script.call("/v1/me")
    assert (status, me["name"], me["roles"]) == (200, fanfold.name, ["submitter"])


def test_without_a_token_nothing_goes(script: Script):
    del script.token
    for method, path in [("GET", "/v1/me"), ("GET", "/v1/files"), ("PUT", "/v1/files/a"), ("POST", "/v1/jobs")]:
        status, problem = script.call(path, method, b"{}" if method != "GET" else None)
        assert (status, problem["status"]) == (401, 401)
