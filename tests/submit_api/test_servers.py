"""The same service over etcd and S3: two replicas, one job, and an etcd that goes away for a moment."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.servers import EtcdCluster, S3Server, wait_until
from tests.submit_api.conftest import Site
from tests.submit_api.engine import ScriptedEngine


@pytest.fixture
def open_replicas(
    open_site: Callable[..., Site],
    etcd_server: EtcdCluster,
    seaweedfs_server: S3Server,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Callable[..., Site]:
    for name, value in seaweedfs_server.environ.items():
        monkeypatch.setenv(name, value)
    store = seaweedfs_server.url(f"{request.node.name}/")
    return lambda engine=None: open_site(engine, records=etcd_server.url, store=store)


@pytest.mark.thorough
def test_two_replicas_admit_a_job_once_and_run_it(open_replicas: Callable[..., Site], etcd_server: EtcdCluster) -> None:
    site = open_replicas()
    users = [site.user("etcd-ada"), site.user("etcd-ada", app=site.replica())]
    text = b"".join(b"%d\n" % (number % 1000) for number in range(100_000))
    answer = users[0].http.put("/v1/files/my%20texts/a.txt", content=text)
    assert answer.json()["sha256"] == hashlib.sha256(text).hexdigest()
    body = {"job": {"builtin": "wordcount"}, "inputs": ["files:my texts/"], "output": "files:counts/", "partitions": 2}
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda number: users[number % 2].submit(body, key="same"), range(20)))
    assert {answer.status_code for answer in answers} <= {200, 202}, [answer.text for answer in answers]
    (job_id,) = {answer.json()["id"] for answer in answers}
    job = users[1].wait(job_id)
    assert job["workflow"]["name"] and [item["id"] for item in users[1].http.get("/v1/jobs").json()["items"]] == [
        job_id
    ]
    data = users[1].http.get(f"/v1/jobs/{job_id}/results/data").content
    assert sorted(data.splitlines()) == sorted(b"%d\t100" % number for number in range(1000))
    part = users[0].http.get(f"/v1/jobs/{job_id}/results/data", headers={"Range": "bytes=100-4000"})
    assert part.status_code == 206 and part.content == data[100:4001]
    listed = users[0].http.get("/v1/files?prefix=counts/part-").json()["items"]
    assert [item["path"] for item in listed] == ["counts/part-00000.txt", "counts/part-00001.txt"]


@pytest.mark.thorough
def test_a_wrong_bundle_leaves_nothing_in_s3(open_replicas: Callable[..., Site]) -> None:
    site = open_replicas()
    answer = site.user("etcd-bob").http.put(f"/v1/bundles/{'0' * 64}", content=b"x" * 6_000_000)
    assert answer.status_code == 422 and list(site.objects.list()) == []


@pytest.mark.thorough
def test_admission_while_etcd_is_away_is_refused_or_kept(
    open_replicas: Callable[..., Site], etcd_server: EtcdCluster
) -> None:
    site = open_replicas(ScriptedEngine())
    ada = site.user("etcd-eve")
    ada.put("texts/a.txt")
    (member,) = etcd_server.members
    member.server.kill()
    try:
        answer = ada.submit(key="during")
        assert answer.status_code == 503 and answer.headers["Retry-After"], answer.text
        assert site.bearer(None).http.get("/readyz").status_code == 503
        assert site.bearer(None).http.get("/healthz").status_code == 200
    finally:
        member.server.start()
        wait_until(member.healthy, [member.server])
    job = ada.submit(key="during").json()
    assert ada.submit(key="during").json()["id"] == job["id"]
    ada.http.post(f"/v1/jobs/{job['id']}/cancel")
    ada.wait(job["id"], "cancelled", seconds=60)
