"""What users keep is counted, and what would exceed a limit is refused: also fifty uploads at once."""

import hashlib
import io
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fanfold_storage.records import Records
from fanfold_storage.urls import open_objects
from fanfold_submit.principal import Principal
from fanfold_submit.queueing.limits import Limit
from fanfold_submit.refusals import OverQuota
from fanfold_submit.storing.accounts import ACCOUNTS, Account, ByteLimits
from fanfold_submit.storing.recount import AT_LEAST_EVERY, Recount
from fanfold_submit.storing.stored import StoredBytes
from tests.submit_api.conftest import Site, User
from tests.submit_api.engine import ScriptedEngine
from tests.submit_api.reconciling import Bench
from tests.waiting import poll

KIB = bytes(1024)


def account(records: Records, owner: str = "ada") -> Account:
    found = records.get(ACCOUNTS + owner)
    return Account.of(found.value if found else None)


def put(user: User, path: str, data: bytes, **headers: str) -> int:
    return user.http.put(f"/v1/files/{path}", content=data, headers=headers).status_code


def test_files_are_counted_as_they_come_and_go(open_site: Callable[..., Site]) -> None:
    site = open_site(ScriptedEngine(), kept_bytes_each=3000)
    ada = site.user("ada")
    assert put(ada, "a", KIB) == 201 and account(site.records).files == 1024
    assert put(ada, "a", KIB + KIB) == 201 and account(site.records).files == 2048, "it replaces the first one"
    refused = ada.http.put("/v1/files/b", content=KIB)
    assert refused.status_code == 413 and refused.json()["type"] == "urn:fanfold:problem:over-quota"
    assert refused.json()["detail"].startswith("You keep 2,048 bytes of files and results, of 3,000. Remove files (")
    assert put(ada, "a", b"x") == 201 and account(site.records).files == 1
    assert put(site.user("bob"), "b", KIB) == 201, "everybody has limits of their own"
    assert ada.http.delete("/v1/files/a").status_code == 204 and account(site.records).files == 0


def test_a_body_of_unknown_length_is_refused_once_it_has_come(open_site: Callable[..., Site]) -> None:
    site = open_site(ScriptedEngine(), kept_bytes_each=1000)
    ada = site.user("ada")
    answer = ada.http.put("/v1/files/a", content=iter([KIB]))
    assert answer.status_code == 413 and list(site.objects.list("files/")) == []
    assert account(site.records).files == 0


@pytest.mark.thorough
def test_fifty_uploads_at_once_keep_within_the_limit(open_site: Callable[..., Site]) -> None:
    site = open_site(ScriptedEngine(), kept_bytes_each=20 * 1024)
    users = [site.user("ada"), site.user("ada", app=site.replica())]
    with ThreadPoolExecutor(50) as pool:
        statuses = list(pool.map(lambda number: put(users[number % 2], f"{number}", KIB), range(50)))
    assert sorted(statuses) == [201] * 20 + [413] * 30
    assert sum(stat.size for stat in site.objects.list("files/ada/")) == account(site.records).files == 20 * 1024


def test_whoever_keeps_too_much_submits_nothing(open_site: Callable[..., Site]) -> None:
    site = open_site(ScriptedEngine(), kept_bytes_each=6)
    ada = site.user("ada")
    ada.put("texts/a.txt")
    assert ada.submit().status_code == 413
    ada.http.delete("/v1/files/texts/a.txt")
    ada.put("texts/a.txt", b"a b\n")
    assert ada.submit().status_code == 202


def test_code_is_counted_for_whoever_sent_it_first(open_site: Callable[..., Site]) -> None:
    site = open_site(ScriptedEngine(), bundle_bytes_each=150)
    ada, bob = site.user("ada"), site.user("bob")
    for user, names, status in ((ada, "a", 201), (bob, "a", 200), (ada, "abc", 413), (bob, "b", 201)):
        body = bundle(names)
        answer = user.http.put(f"/v1/bundles/{hashlib.sha256(body).hexdigest()}", content=body)
        assert answer.status_code == status, answer.text
    assert account(site.records).bundles == len(bundle("a"))
    for stat in site.objects.list("bundles/"):
        site.objects.delete(stat.key)
    stored = site.apps[0].app.state.service.stored
    recount = Recount(site.records, site.objects, stored, time.time)
    recount.forget_bundles()
    assert account(site.records).bundles > 0, "perhaps they are being stored"
    recount.forget_bundles()
    assert account(site.records).bundles == account(site.records, "bob").bundles == 0


def bundle(names: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(f"{name}.py"), "")
    return content.getvalue()


def test_trees_are_counted_once_and_no_more_when_they_are_removed(open_site: Callable[..., Site]) -> None:
    engine = ScriptedEngine()
    site = open_site(engine)
    ada = site.user("ada")
    ada.put("texts/a.txt")
    job = ada.submit().json()["id"]
    poll(lambda: job in engine.crews)
    engine.finish(job)
    engine.end(job)
    ada.wait(job)
    kept = poll(lambda: account(site.records).trees)
    assert kept == sum(stat.size for stat in site.objects.list(f"jobs/{job}/"))
    poll(lambda: ada.http.delete(f"/v1/jobs/{job}").status_code == 204)
    assert account(site.records).trees == 0


@pytest.mark.thorough
def test_what_a_job_wrote_among_files_is_counted_after_its_end(open_site: Callable[..., Site]) -> None:
    engine = ScriptedEngine()
    site = open_site(engine, reconcile_seconds=0.2)
    ada = site.user("ada")
    ada.put("texts/a.txt")
    poll(lambda: not account(site.records).is_stale)
    job = ada.submit(output="files:out/").json()["id"]
    poll(lambda: job in engine.crews)
    engine.finish(job)
    engine.end(job)
    ada.wait(job)
    poll(lambda: account(site.records).files == sum(stat.size for stat in site.objects.list("files/ada/")))
    assert account(site.records).files > 6


def test_limits_for_all_and_for_groups_hold_together(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    stored = StoredBytes(bench.records, ByteLimits(Limit(100, groups={"staff": 50})))
    ada, bob, eve = (Principal(name, name, ("submitter",), groups) for name, groups in
                     (("ada", ("staff",)), ("bob", ("staff", "choir")), ("eve", ())))  # fmt: skip
    stored.reserve(ada, "ada", "files", 30)
    stored._due = 0.0
    with pytest.raises(OverQuota, match=r"The group staff keeps 30 bytes of files and results, of 50\."):
        stored.reserve(bob, "bob", "files", 30)
    stored.reserve(eve, "eve", "files", 70)
    stored._due = 0.0
    with pytest.raises(OverQuota, match=r"All users keep 100 bytes of files and results, of 100\."):
        stored.reserve(bob, "bob", "files", 1)
    bench.records.close()


def test_what_a_crash_left_wrong_is_counted_again_within_a_day(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    stored, objects = StoredBytes(bench.records, ByteLimits()), open_objects(bench.root)
    recount = Recount(bench.records, objects, stored, bench.clock)
    stored.add("ada", "files", 6)
    recount.count_stale()
    stored.add("ada", "files", 1000)  # and then the service is killed before the file appears
    recount.count_stale()
    assert account(bench.records).files == 1006
    bench.clock.now += AT_LEAST_EVERY + 1
    recount.count_stale()
    assert account(bench.records).files == 6
    bench.records.close()
