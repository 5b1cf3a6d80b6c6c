"""Admission: once for a key, refused with words that help, remembered with all that belongs to it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fanfold.planning import planner
from fanfold_submit.jobs.admission import Admission
from fanfold_submit.jobs.places import Places
from tests.submit_api.conftest import Site, User
from tests.submit_api.engine import ScriptedEngine
from tests.waiting import poll

WORDCOUNT: dict[str, Any] = {"job": {"builtin": "wordcount"}, "inputs": ["files:texts/"]}


@pytest.mark.thorough
def test_fifty_requests_with_one_key_are_one_job(open_site: Callable[..., Site]) -> None:
    site = open_site()
    apps = [site.apps[0], site.replica()]
    users = [site.user("ada", app=apps[number % 2]) for number in range(50)]
    users[0].put("texts/a.txt")
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda user: user.submit(key="k-1", output="files:counts/"), users))
    assert {answer.status_code for answer in answers} <= {200, 202}, [answer.text for answer in answers]
    assert [answer.status_code for answer in answers].count(202) == 1
    assert len({answer.json()["id"] for answer in answers}) == 1
    users[0].wait(answers[0].json()["id"])
    again = users[1].submit(key="k-1", output="files:counts/")
    assert again.status_code == 200 and again.json()["state"] == "succeeded"
    assert len(users[0].http.get("/v1/jobs").json()["items"]) == 1
    assert len(list(site.objects.list("jobs/"))) == len(list(site.objects.list(f"jobs/{again.json()['id']}/")))


@pytest.mark.thorough
def test_a_request_that_was_overtaken_by_its_twin_gets_the_same_job(
    shared_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = shared_site.user("ada-twin")
    ada.put("texts/a.txt")
    prepare, twin = Admission._prepare, {}

    def overtaken(*arguments: Any) -> Any:
        monkeypatch.undo()
        twin.update(ada.submit(key="twin", output="files:counts/").json())
        ada.wait(twin["id"])
        return prepare(*arguments)  # and now the output is there

    monkeypatch.setattr(Admission, "_prepare", overtaken)
    answer = ada.submit(key="twin", output="files:counts/")
    assert answer.status_code == 200 and answer.json()["id"] == twin["id"]


def test_a_key_stands_for_one_request_of_one_user(shared_site: Site) -> None:
    ada, bob = shared_site.user("ada-key"), shared_site.user("bob-key")
    for user in (ada, bob):
        user.put("texts/a.txt")
    first = ada.submit(key="mine")
    assert ada.submit(key='"mine"').json()["id"] == first.json()["id"]
    other = ada.submit(key="mine", partitions=3)
    assert other.status_code == 422 and first.json()["id"] in other.json()["detail"]
    theirs = bob.submit(key="mine")
    assert theirs.status_code == 202 and theirs.json()["id"] != first.json()["id"]
    assert ada.submit(key="x" * 256).status_code == 400


SPEC: dict[str, Any] = {
    "stages": [{"map": {"function": "fanfold.builtin.wordcount:words"}, "reduce": {"aggregate": "Sum"}}]
}

REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "no such input": ({**WORDCOUNT, "inputs": ["files:nowhere/"]}, 422, "files:nowhere/"),
    "no input": ({**WORDCOUNT, "inputs": []}, 422, "no input"),
    "an input outside": ({**WORDCOUNT, "inputs": ["files:../bob/texts/"]}, 400, "not a valid path"),
    "a local path": ({**WORDCOUNT, "inputs": ["/etc/passwd"]}, 422, "files:PATH"),
    "a file URL": ({**WORDCOUNT, "inputs": ["file:///etc/passwd"]}, 422, "files:PATH"),
    "the metadata address": ({**WORDCOUNT, "inputs": ["http://169.254.169.254/latest/"]}, 422, "files:PATH"),
    "the metadata address as a number": ({**WORDCOUNT, "inputs": ["http://2852039166/"]}, 422, "files:PATH"),
    "the service itself": ({**WORDCOUNT, "inputs": ["http://[::1]:1338/v1/jobs"]}, 422, "files:PATH"),
    "another S3 server": ({**WORDCOUNT, "inputs": ["s3://169.254.169.254/latest/"]}, 403, "s3://169.254.169.254/"),
    "an output elsewhere": ({**WORDCOUNT, "output": "http://169.254.169.254/"}, 422, "files:PATH"),
    "an S3 place that is not allowed": ({**WORDCOUNT, "inputs": ["s3://secret/x/"]}, 403, "s3://secret/x/"),
    "an output outside": ({**WORDCOUNT, "output": "files:a/../../bob/"}, 400, "not a valid path"),
    "the whole area as output": ({**WORDCOUNT, "output": "files:"}, 400, "not a valid path"),
    "the shared area as output": ({**WORDCOUNT, "output": "files:@shared/counts/"}, 403, "admin"),
    "an output that exists": ({**WORDCOUNT, "output": "files:texts/"}, 409, "files:texts/ already exists"),
    "an unknown built-in": ({**WORDCOUNT, "job": {"builtin": "magic"}}, 422, "wordcount"),
    "an unknown bundle": ({**WORDCOUNT, "job": {"bundle": "0" * 64, "entry": "a:b"}}, 422, "PUT /v1/bundles/"),
    "a spec of the wrong form": ({**WORDCOUNT, "job": {"spec": {"stages": [{"map": 7}]}}}, 422, "stages.0.map"),
    "a spec with a wild bundle": ({**WORDCOUNT, "job": {"spec": {"bundle": "../x", "entry": "a:b"}}}, 422, "bundle"),
    "a spec that asks for a service account": (
        {**WORDCOUNT, "job": {"spec": SPEC | {"serviceAccountName": "fanfold-submit"}}},
        422,
        "serviceAccountName",
    ),
    "a spec that mounts the node": (
        {**WORDCOUNT, "job": {"spec": SPEC | {"volumes": [{"hostPath": {"path": "/"}}]}}},
        422,
        "volumes",
    ),
    "a stage that is privileged": (
        {**WORDCOUNT, "job": {"spec": {"stages": [{**SPEC["stages"][0], "securityContext": {"privileged": True}}]}}},
        422,
        "securityContext",
    ),
    "a stage of another namespace's template": (
        {**WORDCOUNT, "job": {"spec": {"stages": [{"templateRef": {"name": "x", "clusterScope": True}}]}}},
        422,
        "templateRef",
    ),
    "two jobs": ({**WORDCOUNT, "job": {"builtin": "wordcount", "entry": "a:b"}}, 422, "job"),
    "parameters": ({**WORDCOUNT, "params": {"n": 1}}, 422, "takes no parameters, but 'n' was given"),
    "parameters of a spec without": ({**WORDCOUNT, "job": {"spec": SPEC}, "params": {"n": 1}}, 422, "no parameters"),
    "named inputs": ({**WORDCOUNT, "inputs": {"users": ["files:texts/"]}}, 422, "job's input has no name"),
    "an input's name that is none": ({**WORDCOUNT, "inputs": {"a b": ["files:texts/"]}}, 422, "inputs"),
    "a pattern that matches nothing": ({**WORDCOUNT, "inputs": ["files:t*/*.gz"]}, 422, "files:t*/*.gz matches no"),
    "a pattern that leads outside": ({**WORDCOUNT, "inputs": ["files:*/../../bob/*"]}, 400, "not a valid path"),
    "braces that stand for a billion": (
        {**WORDCOUNT, "inputs": [f"files:{'{a,b}' * 30}"]},
        422,
        "more than 1000 patterns",
    ),
    "no partitions": ({**WORDCOUNT, "partitions": 0}, 422, "partitions"),
    "partitions that are true": ({**WORDCOUNT, "partitions": True}, 422, "partitions"),
    "overwriting that is 1": ({**WORDCOUNT, "overwrite": 1, "output": "files:x/"}, 422, "overwrite"),
    "memory for no worker": ({**WORDCOUNT, "memory": 1}, 422, "Memory must be at least"),
    "workers that are a text": ({**WORDCOUNT, "workers": "2"}, 422, "workers"),
    "a spec's partitions that are true": (
        {**WORDCOUNT, "job": {"spec": {"stages": [{**SPEC["stages"][0], "partitions": True}]}}},
        422,
        "stages.0.partitions",
    ),
    "an unknown field": ({**WORDCOUNT, "colour": "red"}, 422, "colour"),
    "a name with a line's end": ({**WORDCOUNT, "name": "a\nb"}, 422, "name"),
    "a name with a terminal's commands": ({**WORDCOUNT, "name": "a\x9b2J"}, 422, "control characters"),
    "a name that turns what follows around": ({**WORDCOUNT, "name": "a\u202etxt.exe"}, 422, "direction"),
    "a name that isolates a direction": ({**WORDCOUNT, "name": "a\u2067b"}, 422, "direction"),
    "a name of 300 characters": ({**WORDCOUNT, "name": "a" * 300}, 422, "name"),
    "a name with a NUL": ({**WORDCOUNT, "name": "a\0b"}, 422, "name"),
    "a name that Argo would fill in": ({**WORDCOUNT, "name": "{{workflow.name}}"}, 422, "'{{'"),
    "a spec's name that Argo would fill in": ({**WORDCOUNT, "job": {"spec": SPEC | {"name": "{{x}}"}}}, 422, "'{{'"),
    "a spec's name with a NUL": ({**WORDCOUNT, "job": {"spec": SPEC | {"name": "\0"}}}, 422, "control characters"),
    "half a character in a place": (
        {**WORDCOUNT, "inputs": ["files:t/\udc80"]},
        422,
        r"holds \udc80, half a character",
    ),
    "half a character in the output": ({**WORDCOUNT, "output": "files:\ud800/"}, 422, "half a character"),
    "half a character in a name": ({**WORDCOUNT, "name": "\ud800"}, 422, "half a character"),
    "half a character in a built-in": ({**WORDCOUNT, "job": {"builtin": "\ud800"}}, 422, "half a character"),
    "half a character in a spec": ({**WORDCOUNT, "job": {"spec": {"a": [{"\udfff": 1}]}}}, 422, "half a character"),
    "half a character in a field": ({**WORDCOUNT, "\ud800": 1}, 422, "half a character"),
    "no job": ({"inputs": ["files:texts/"]}, 422, "job"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_run_is_refused(shared_site: Site, case: str) -> None:
    body, status, words = REFUSED[case]
    ada = shared_site.user("ada-refused")
    ada.put("texts/a.txt")
    answer = ada.submit(body, key=f"refused {case}".replace(" ", "-"))
    assert answer.status_code == status, answer.text
    assert words in answer.json()["detail"] and answer.headers["Content-Type"] == "application/problem+json"
    assert shared_site.store_url not in answer.text
    assert ada.http.get("/v1/jobs").json()["items"] == []


def test_a_default_written_out_is_the_same_request(shared_site: Site) -> None:
    ada = shared_site.user("ada-defaults")
    ada.put("texts/a.txt")
    first = ada.submit(key="k")
    again = ada.submit(key="k", params={}, output=None, name=None, workers=None)
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    assert ada.submit(key="k", params={"n": 1}).json()["type"].endswith(":key-reused")


def test_a_refused_key_may_be_used_again(shared_site: Site) -> None:
    ada = shared_site.user("ada-again")
    assert ada.submit(key="k").status_code == 422
    ada.put("texts/a.txt")
    assert ada.submit(key="k").status_code == 202


def test_a_body_that_is_too_large_is_refused(shared_site: Site) -> None:
    ada = shared_site.user("ada-large")
    answer = ada.submit({**WORDCOUNT, "inputs": ["files:texts/"] * 200_000})
    assert answer.status_code == 413 and "larger than" in answer.json()["detail"]
    name = "/".join(["x" * 200] * 4)
    ada.put(f"{name}/a.txt")
    answer = ada.submit({**WORDCOUNT, "inputs": [f"files:{name}/"] * 1000})
    assert answer.status_code == 413 and "Name folders" in answer.json()["detail"]
    assert ada.submit({**WORDCOUNT, "inputs": [f"files:{name}/"] * 1001}).status_code == 422


def test_a_job_is_measured_in_bytes(shared_site: Site) -> None:
    ada = shared_site.user("ada-bytes")
    ada.put(f"{'é' * 120}/a.txt")
    answer = ada.submit({**WORDCOUNT, "inputs": [f"files:{'é' * 120}/"] * 900})
    assert answer.status_code == 413 and "Name folders" in answer.json()["detail"], answer.text


@pytest.mark.thorough
def test_a_spec_written_by_hand_runs(shared_site: Site) -> None:
    ada = shared_site.user("ada-spec")
    ada.put("one file.txt", b"x y x\n")
    spec = {"stages": [{"map": {"function": "fanfold.builtin.wordcount:words"}, "reduce": {"aggregate": "Sum"}}]}
    body = {"name": "by hand", "job": {"spec": spec}, "inputs": ["files:one file.txt"], "partitions": 1, "workers": 1}
    answer = ada.submit(body)
    assert answer.status_code == 202, answer.text
    job = ada.wait(answer.json()["id"])
    assert (job["name"], job["output"], job["partitions"]) == ("by hand", None, 1)
    assert ada.http.get(f"/v1/jobs/{job['id']}/results/data").content == b"x\t2\ny\t1\n"


def test_one_output_has_one_writer(open_site: Callable[..., Site]) -> None:
    site = open_site(ScriptedEngine())
    ada, root = site.user("ada"), site.user("root", "admin")
    ada.put("texts/a.txt")
    first = ada.submit(output="files:counts").json()["id"]
    second = ada.submit(output="files:counts/")
    assert second.status_code == 409 and first in second.json()["detail"]
    assert root.http.get("/v1/jobs").json()["items"] == []
    assert ada.http.post(f"/v1/jobs/{first}/cancel").status_code == 202
    ada.wait(first, "cancelled")
    third = poll(lambda: (answer := ada.submit(output="files:counts/")).status_code == 202 and answer)
    assert third.json()["id"] != first


def test_jobs_are_listed_newest_first_in_pages_and_by_state(open_site: Callable[..., Site]) -> None:
    site = open_site(ScriptedEngine())
    ada = site.user("ada")
    ada.put("texts/a.txt")
    submitted = [ada.submit(name=f"job {number}").json()["id"] for number in range(7)]
    assert ada.http.post(f"/v1/jobs/{submitted[2]}/cancel").json()["desired"] == "cancel"
    ada.wait(submitted[2], "cancelled")
    poll(lambda: all(ada.job(job)["state"] != "queued" for job in submitted))
    found = pages(ada, limit="3")
    assert found == sorted(submitted, reverse=True)
    assert pages(ada, state="cancelled", limit="1") == [submitted[2]]
    others = sorted(set(submitted) - {submitted[2]})
    poll(lambda: sorted(pages(ada, state="dispatched", limit="2")) == others)
    for query in ("state=odd", "limit=0", "cursor=.."):
        assert ada.http.get(f"/v1/jobs?{query}").status_code in {400, 422}


def pages(user: User, **query: str) -> list[str]:
    found, cursor = [], ""
    while True:
        page = user.http.get("/v1/jobs", params={**query, "cursor": cursor}).json()
        found += [item["id"] for item in page["items"]]
        cursor = page["cursor"]
        if cursor is None:
            return found


@pytest.mark.thorough
def test_a_final_job_is_not_cancelled(shared_site: Site) -> None:
    ada = shared_site.user("ada-final")
    ada.put("texts/a.txt")
    job = ada.submit().json()["id"]
    ada.wait(job)
    answer = ada.http.post(f"/v1/jobs/{job}/cancel")
    assert answer.status_code == 409 and "succeeded already" in answer.json()["detail"]


def test_a_place_is_looked_up_and_the_output_listed_once(shared_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = shared_site.user("ada-once")
    ada.put("texts/a.txt")
    listed: list[str] = []
    looked_up: list[str] = []
    url, refuse = Places.url, planner.refuse_taken_output

    def counted_refuse(output: str) -> None:
        listed.append(output)
        refuse(output)

    def counted_url(places: Places, place: str, *arguments: Any, **named: Any) -> str:
        looked_up.append(place)
        return url(places, place, *arguments, **named)

    monkeypatch.setattr(planner, "refuse_taken_output", counted_refuse)
    monkeypatch.setattr(Places, "url", counted_url)
    assert ada.submit(output="files:counts/").status_code == 202
    assert len(listed) == 1 and looked_up == ["files:texts/", "files:counts/"]
    taken = ada.submit(output="files:texts/")
    assert taken.status_code == 409 and taken.json()["type"].endswith(":output-exists")


def test_a_place_that_needs_quoting_is_told_as_it_was_written(shared_site: Site) -> None:
    ada = shared_site.user("ada-below")
    ada.put("my texts/a b.txt")
    answer = ada.submit(inputs=["files:my texts/nothing here/"])
    assert answer.status_code == 422 and "files:my texts/nothing here/" in answer.json()["detail"], answer.text


def test_two_keys_are_refused(shared_site: Site) -> None:
    ada = shared_site.user("ada-two-keys")
    ada.put("texts/a.txt")
    body = {"job": {"builtin": "wordcount"}, "inputs": ["files:texts/"]}
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    answer = ada.http.post("/v1/jobs", json=body, headers=headers)
    assert answer.status_code == 400 and answer.json()["type"].endswith("invalid-key")


@pytest.mark.thorough
@pytest.mark.parametrize(
    "body",
    [
        {"job": {"builtin": "wordcount"}, "inputs": [7] * 200_000},
        {"job": {"builtin": "wordcount"}, "inputs": {str(number): [7] for number in range(60_000)}},
        {"job": {"builtin": "wordcount"}, "inputs": {"a": [7] * 200_000}},
        {str(number): 7 for number in range(60_000)},
        {"job": {str(number): 7 for number in range(60_000)}, "inputs": [7, 8]},
        {"job": {"builtin": "x" * 900_000}, "inputs": ["files:a"], "partitions": "y" * 50_000},
    ],
)
def test_a_body_full_of_mistakes_gets_a_short_answer(shared_site: Site, body: Any) -> None:
    answer = shared_site.user("ada-mistakes").http.post("/v1/jobs", json=body)
    assert answer.status_code == 422 and len(answer.content) < 20_000
    assert len(answer.json().get("errors", [])) <= 20


@pytest.mark.thorough
def test_a_job_that_has_ended_can_be_removed(open_site: Callable[..., Site]) -> None:
    engine = ScriptedEngine()
    site = open_site(engine)
    ada, bob, viewer = site.user("ada"), site.user("bob"), site.user("ada", "viewer")
    ada.put("texts/a.txt")
    job = ada.submit(key="k", output="files:out/").json()["id"]
    poll(lambda: job in engine.crews)
    assert ada.http.delete(f"/v1/jobs/{job}").json()["type"].endswith("job-active")
    engine.finish(job)
    engine.end(job)
    ada.wait(job)
    ada.put("out/part-00000.txt", b"kept")
    assert bob.http.delete(f"/v1/jobs/{job}").status_code == 404
    assert viewer.http.delete(f"/v1/jobs/{job}").status_code == 403
    poll(lambda: ada.http.delete(f"/v1/jobs/{job}").status_code == 204)
    assert ada.http.get(f"/v1/jobs/{job}").status_code == 404 == ada.http.delete(f"/v1/jobs/{job}").status_code
    assert ada.http.get("/v1/jobs").json()["items"] == []
    assert list(site.objects.list(f"jobs/{job}/")) == [], "nothing of its tree is left"
    assert ada.http.get("/v1/files/out/part-00000.txt").content == b"kept"
    again = ada.submit(key="k", output="files:other/")
    assert again.status_code == 202 and again.json()["id"] != job, "its key is free again"
