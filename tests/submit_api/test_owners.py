"""Removing all that belongs to a user."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fanfold_submit.jobs import removal
from tests.submit_api.conftest import Site
from tests.submit_api.engine import ScriptedEngine
from tests.waiting import poll


def test_everything_of_one_user_goes_and_nothing_of_another(open_site: Callable[..., Site], tmp_path: Path) -> None:
    engine = ScriptedEngine()
    site = open_site(engine)
    ada, bob, root = site.user("ada"), site.user("bob"), site.user("root", "admin")
    for user in (ada, bob):
        user.put("texts/a.txt")
    jobs = [ada.submit().json()["id"] for _ in range(2)]
    theirs = bob.submit().json()["id"]
    poll(lambda: len(engine.started) == 3)
    answer = root.http.delete("/v1/owners/ada")
    assert (answer.status_code, answer.json()) == (200, {"files": 0, "jobs": 0, "done": False})
    removed = poll(lambda: (found := root.http.delete("/v1/owners/ada").json())["files"] and found)
    assert removed["done"]
    assert [root.http.get(f"/v1/jobs/{job}").status_code for job in jobs] == [404, 404]
    assert not list((tmp_path / "data").glob("files/ada/**/*.txt"))
    assert not [path for job in jobs for path in (tmp_path / "data/jobs").glob(f"{job}/**/*") if path.is_file()]
    assert bob.job(theirs)["desired"] == "run" and bob.http.get("/v1/files/texts/a.txt").status_code == 200
    assert root.http.delete("/v1/owners/ada").json() == {"files": 0, "jobs": 0, "done": True}


def test_a_request_takes_a_bounded_time(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, root = site.user("ada"), site.user("root", "admin")
    for name in "abc":
        ada.put(f"texts/{name}")
    monkeypatch.setattr(removal, "REMOVING_SECONDS", -1.0)
    for _ in range(3):
        assert root.http.delete("/v1/owners/ada").json() == {"files": 1, "jobs": 0, "done": False}
    assert root.http.delete("/v1/owners/ada").json()["done"]


@pytest.mark.parametrize("owner", ["@shared", "..", "%2e%2e", "a%2fb", "A", "", "a" * 64])
def test_only_an_id_is_an_owner(site: Site, owner: str) -> None:
    root = site.user("root", "admin")
    root.put("@shared/a.txt")
    assert root.http.delete(f"/v1/owners/{owner}").status_code in {404, 422}
    assert root.http.get("/v1/files/@shared/a.txt").status_code == 200


def test_it_is_for_administrators(site: Site) -> None:
    ada = site.user("ada")
    ada.put("a.txt")
    assert ada.http.delete("/v1/owners/ada").status_code == 403
    assert ada.http.get("/v1/files/a.txt").status_code == 200
