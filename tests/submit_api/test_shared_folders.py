"""`@shared/NAME/`: read by all, written by the user of that name, and by nobody who takes the name later."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fanfold_storage.urls import open_objects
from fanfold_submit.storing.accounts import ACCOUNTS
from fanfold_submit.storing.recount import Recount
from tests.submit_api.conftest import Site, User
from tests.waiting import poll


def named(site: Site, name: str, id_: str, *roles: str) -> User:
    return site.bearer(site.keys.signers[0].token(name, list(roles) or ["submitter"], sub=id_))


def test_its_user_writes_and_all_read(site: Site) -> None:
    ada, bob, root = site.user("ada"), site.user("bob"), site.user("root", "admin")
    ada.put("@shared/ada/texts/a.txt", b"for all")
    assert bob.http.get("/v1/files/@shared/ada/texts/a.txt").content == b"for all"
    listed = bob.http.get("/v1/files", params={"prefix": "@shared/ada/"}).json()["items"]
    assert [item["path"] for item in listed] == ["@shared/ada/texts/a.txt"]
    for method in ("PUT", "DELETE"):
        refused = bob.http.request(method, "/v1/files/@shared/ada/texts/a.txt")
        assert refused.status_code == 403 and "@shared/bob/" in refused.json()["detail"]
    root.put("@shared/ada/texts/a.txt", b"mended")
    assert ada.http.delete("/v1/files/@shared/ada/texts/a.txt").status_code == 204


@pytest.mark.parametrize("path", ["@shared/a.txt", "@shared/ada", "@shared/adam/a.txt", "@shared/texts/ada/a.txt"])
def test_the_rest_stays_the_administrators(site: Site, path: str) -> None:
    assert site.user("ada").http.put(f"/v1/files/{path}", content=b"x").status_code == 403
    site.user("root", "admin").put(path)


def test_a_viewer_writes_nowhere(site: Site) -> None:
    assert site.user("vera", "viewer").http.put("/v1/files/@shared/vera/a", content=b"x").status_code == 403


def test_a_job_reads_anothers_and_writes_ones_own(site: Site) -> None:
    ada, bob = site.user("ada"), site.user("bob")
    ada.put("@shared/ada/texts/a.txt", b"a b a\n")
    body: dict[str, Any] = {"job": {"builtin": "wordcount"}, "inputs": ["files:@shared/ada/texts/"]}
    for output in ("files:@shared/bob/counts/", "files:@shared/bob/more"):
        bob.wait(bob.submit({**body, "output": output}).json()["id"])
    parts = ada.http.get("/v1/files", params={"prefix": "@shared/bob/counts/part"}).json()["items"]
    assert ada.http.get(f"/v1/files/{parts[0]['path']}").content == b"a\t2\nb\t1\n"
    for output in ("files:@shared/ada/counts/", "files:@shared/counts/", "files:@shared/"):
        assert bob.submit({**body, "output": output}).status_code in {400, 403}


def test_a_namesake_has_it_only_once_it_is_empty(site: Site) -> None:
    old, new, root = named(site, "ada", "id-1"), named(site, "ada", "id-2"), site.user("root", "admin")
    old.put("@shared/ada/a.txt", b"by the first")
    for method in ("PUT", "DELETE"):
        refused = new.http.request(method, "/v1/files/@shared/ada/a.txt")
        assert refused.status_code == 403 and "somebody else" in refused.json()["detail"]
    body = {"job": {"builtin": "wordcount"}, "inputs": ["files:@shared/ada/"], "output": "files:@shared/ada/out/"}
    assert new.submit(body).status_code == 403
    removed = root.http.delete("/v1/owners/id-1").json()
    assert (removed["files"], removed["done"]) == (1, True)
    new.put("@shared/ada/a.txt", b"by the second")
    assert old.http.put("/v1/files/@shared/ada/a.txt", content=b"x").status_code == 403
    assert root.http.delete("/v1/owners/id-1").json()["files"] == 0
    assert root.http.get("/v1/files/@shared/ada/a.txt").content == b"by the second"


def test_a_folder_that_an_administrator_has_filled_is_nobodys(site: Site) -> None:
    site.user("root", "admin").put("@shared/texts/a.txt")
    refused = site.user("texts").http.put("/v1/files/@shared/texts/b.txt", content=b"x")
    assert refused.status_code == 403


def test_what_lies_there_is_counted_for_the_folder(open_site: Callable[..., Site], tmp_path: Path) -> None:
    site = open_site(kept_bytes_each=100)
    ada, root = site.user("ada"), site.user("root", "admin")
    root.put("@shared/a", b"x" * 500)
    root.put("@shared/ada/big", b"x" * 80)
    assert root.http.delete("/v1/files/@shared/ada/big").status_code == 204
    ada.put("@shared/ada/a", b"x" * 90)
    ada.put("a", b"x" * 90)
    refused = ada.http.put("/v1/files/@shared/ada/b", content=b"x" * 20)
    assert refused.status_code == 413 and "@shared/ada/" in refused.json()["detail"]
    recount = Recount(site.records, site.objects, site.apps[0].app.state.service.stored, time.time)
    objects = open_objects(f"file://{tmp_path}/data/")
    assert sum(stat.size for stat in objects.list("files/@shared/")) == 590

    def counted() -> bool:
        recount.count_stale()
        found = {name: site.records.get(ACCOUNTS + name) for name in ("@shared", "@shared/ada")}
        return {name: record and record.value["files"] for name, record in found.items()} == {
            "@shared": 500,
            "@shared/ada": 90,
        }

    poll(counted, 20)
