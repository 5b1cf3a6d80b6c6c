"""The Argo UI in a browser: people log in on Fanfold's page, and their roles say what they may do.

FANFOLD_PICTURES names a folder for screenshots (`make pictures`).
"""

import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.argo.browser import Visitor, chromium
from tests.argo.installation import Installation, eventually
from tests.argo.test_jobs import BROKEN
from tests.argo.tls_proxy import tls_proxy

NAMESPACE = "fanfold-ui"
ARGO = Path(__file__).parents[2] / "argo"
FANFOLD = [sys.executable, "-m", "fanfold_client"]
SLOW = """
import time
from fanfold import Job, Sum

def words(line):
    time.sleep(0.2)
    return [(word, 1) for word in line.split()]

job = Job(map=words, reduce=Sum())
"""
ROLES = ("admin", "submitter", "viewer", "nobody")
pytestmark = pytest.mark.timeout(400)


@dataclass(frozen=True)
class Site:
    """An installation with the Argo UI, its people, and two jobs of the submitter's."""

    ui: str
    people: dict[str, Installation]
    slow: str
    broken: str

    def path(self, job: str) -> str:
        """Where the Argo UI shows a job's Workflow, as the service tells it."""
        url: str = self.people["submitter"].status(job)["workflow"]["url"]
        assert url.startswith(f"{self.ui}/workflows/{NAMESPACE}/fanfold-{job}")
        return url.removeprefix(self.ui)


def overlay(folder: Path, settings: list[dict[str, Any]] | None = None) -> Path:
    """`overlays/test` with the Argo UI, as somebody would add it to an overlay of their own; perhaps with settings."""
    folder.mkdir()
    argo = Path(*[".."] * len(folder.resolve().parts[1:])) / ARGO.relative_to("/")
    content: dict[str, Any] = {
        "namespace": NAMESPACE,
        "resources": [f"{argo}/overlays/test", *([f"{argo}/base/argo-ui"] if settings else [])],
        "components": [*([] if settings else [f"{argo}/components/argo-ui"]), f"{argo}/components/nodeports"],
        "images": [
            {"name": "fanfold-auth", "newName": "lab.local/fanfold-auth", "newTag": "test"},
            {"name": "quay.io/argoproj/argocli", "newName": "lab.local/argo"},
        ],
    }
    if settings:
        content["configMapGenerator"] = settings
    (folder / "kustomization.yaml").write_text(json.dumps(content))
    return folder


def deploy(overlay: Path) -> dict[str, Any]:
    """`fanfold deploy`; what it told."""
    done = subprocess.run(
        [*FANFOLD, "deploy", "--overlay", str(overlay), "--json"], capture_output=True, text=True, timeout=400
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("ui")
    where = overlay(folder / "overlay")
    told = deploy(where)
    admin = Installation(NAMESPACE, told["url"], told["admin"], told["password"], folder / "admin")
    admin.login()
    people = {"admin": admin} | {role: person(admin, role, folder) for role in ROLES[1:]}
    (folder / "slow.py").write_text(SLOW)
    (folder / "broken.py").write_text(BROKEN)
    (folder / "lines.txt").write_text("few words words\n" * 12000)
    (folder / "odd.txt").write_text("even\nodd one\n")
    ada = people["submitter"]
    ada.login()
    broken = ada.fanfold("submit", folder / "broken.py", "--input", folder / "odd.txt").strip()
    shape = ("--split-size", "2KiB", "--workers", "2", "--partitions", "2")
    slow = ada.fanfold("submit", folder / "slow.py", "--input", folder / "lines.txt", *shape).strip()
    ada.fanfold("watch", broken, status=1)
    eventually(lambda: ada.status(slow)["workflow"], "the slow job has a Workflow")
    yield Site(told["argo_ui"], people, slow, broken)
    subprocess.run([*FANFOLD, "undeploy", "--overlay", str(where), "--data", "--yes"], check=True, timeout=300)


def person(admin: Installation, role: str, folder: Path) -> Installation:
    """A user with this role alone; `nobody` has none."""
    name, password = f"{role}-{secrets.token_hex(2)}", secrets.token_urlsafe(16)
    roles = [] if role == "nobody" else ["--role", role]
    admin.fanfold("users", "add", name, *roles, "--password-stdin", stdin=f"{password}\n")
    if role == "nobody":
        admin.fanfold("users", "revoke", name, "submitter")
    return Installation(NAMESPACE, admin.url, name, password, folder / role, admin)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def visit(site: Site, browser: Browser) -> Iterator[Callable[[str, str], Visitor]]:
    """Log somebody in, and open a page; at the end, look whether anything went wrong on it."""
    visitors: list[Visitor] = []

    def visit(role: str, path: str = f"/workflows/{NAMESPACE}") -> Visitor:
        visitor = Visitor.at(browser, site.ui)
        visitors.append(visitor)
        visitor.log_in(site.people[role].name, site.people[role].password, path)
        return visitor

    yield visit
    for visitor in visitors:
        visitor.page.context.close()
        assert visitor.problems == []


def picture(visitor: Visitor, name: str) -> None:
    """Keep a screenshot for the documents, if somebody wants them."""
    if folder := os.environ.get("FANFOLD_PICTURES"):
        visitor.picture(Path(folder, f"{name}.png"))


def test_the_list_shows_whose_jobs_run_and_how_far_they_are(site: Site, visit) -> None:
    visitor = visit("viewer")
    row = visitor.page.locator(".argo-table-list__row", has_text="slow (")
    expect(row).to_contain_text(site.people["submitter"].name)
    expect(row).to_contain_text(re.compile(r"(?<!\d)([2-9]|\d\d)/\d\d-"))  # more than the split, of all tasks
    picture(visitor, "argo-ui-list")


def test_a_submitter_follows_a_job_at_the_nodes_of_its_graph(site: Site, visit) -> None:
    visitor = visit("submitter", site.path(site.slow))
    for step in ("(split", "(map(0:0)", "(map(1:1)", "(reduce(0:0)"):
        expect(visitor.node(step)).to_be_visible()
    visitor.node("(map(0:0)").click()
    panel = visitor.page.locator(".workflow-node-info")
    expect(panel).to_contain_text(re.compile(r"PROGRESS[1-9]\d*/4\d"))  # of its own half of the maps
    picture(visitor, "argo-ui-graph")


def test_a_failed_node_shows_the_users_own_traceback(site: Site, visit) -> None:
    visitor = visit("submitter", site.path(site.broken))
    visitor.node("(0)").click()
    panel = visitor.page.locator(".workflow-node-info")
    expect(panel).to_contain_text("ValueError: an odd line: odd one")
    expect(panel).to_contain_text('File "broken.py", line 6, in words')
    picture(visitor, "argo-ui-failed")
    panel.locator("a", has_text="Inputs/Outputs").click()
    expect(panel).to_contain_text('"outcome": "failed"')


def test_the_ui_leads_to_the_job(site: Site, visit) -> None:
    visitor = visit("submitter", site.path(site.broken))
    expect(visitor.node("(0)")).to_be_visible()  # the Workflow is there, of which the link is made
    with visitor.page.expect_request(f"**/v1/jobs/{site.broken}"):
        visitor.button("Fanfold job").click()


@pytest.mark.parametrize("role", ["viewer", "submitter"])
def test_those_who_may_not_stop_a_job_are_told_so(site: Site, visit, role: str) -> None:
    visitor = visit(role, site.path(site.slow))
    visitor.stop()
    expect(visitor.page.get_by_text("cannot patch resource").first).to_be_visible()
    assert all("403" in problem and "/stop" in problem for problem in visitor.problems)
    visitor.problems.clear()
    assert site.people["submitter"].status(site.slow)["desired"] == "run"


def test_who_has_no_role_sees_nothing(site: Site, visit) -> None:
    visitor = visit("nobody", site.path(site.slow))
    expect(visitor.page.get_by_text("not allowed").first).to_be_visible()
    assert "map" not in visitor.page.inner_text("body")
    assert visitor.problems and all("Forbidden" in problem for problem in visitor.problems)
    visitor.problems.clear()


def test_an_admin_stops_a_job_which_is_then_cancelled(site: Site, visit) -> None:
    """It ends the job that those before look at."""
    visitor = visit("admin", site.path(site.slow))
    visitor.stop()
    submitter = site.people["submitter"]
    eventually(lambda: submitter.status(site.slow)["state"] == "cancelled", "the job is cancelled", 90)
    expect(visitor.button("Stop")).to_have_count(0)


SSO = """
issuer: http://auth:1337
clientId: {{name: argo-ui-client, key: client-id}}
clientSecret: {{name: argo-ui-client, key: client-secret}}
redirectUrl: {url}/oauth2/callback
scopes: [profile, groups]
rbac: {{enabled: true}}
sessionExpiry: 1h
"""


def test_behind_a_proxy_with_tls_it_has_a_part_of_the_paths(site: Site, browser: Browser, tmp_path: Path) -> None:
    """As docs/argo-ui.md says. The last test: the UI is elsewhere then."""
    with tls_proxy("/argo", site.ui, tmp_path) as url:
        settings = [
            {"name": "argo-ui-server", "behavior": "merge", "literals": ["ARGO_BASE_HREF=/argo/"]},
            {"name": "argo-ui", "behavior": "merge", "files": ["sso=argo-sso.yaml"]},
            {"name": "fanfold-auth", "behavior": "merge",
             "literals": [f"FANFOLD_AUTH_PUBLIC_URL={site.people['admin'].url.replace(':30002', ':30001')}"]},
            {"name": "fanfold-submit", "behavior": "merge", "literals": [f"FANFOLD_SUBMIT_ARGO_UI={url}"]},
        ]  # fmt: skip
        where = overlay(tmp_path / "overlay", settings)
        (where / "argo-sso.yaml").write_text(SSO.format(url=url))
        assert deploy(where)["argo_ui"] == url
        submitter = site.people["submitter"]
        shown = submitter.status(site.broken)["workflow"]["url"]
        visitor = Visitor.at(browser, url, ignore_https_errors=True)
        visitor.log_in(submitter.name, submitter.password, shown.removeprefix(url))
        expect(visitor.node("(0)")).to_be_visible()
        cookies = {cookie["name"]: cookie["path"] for cookie in visitor.page.context.cookies()}
        assert cookies["authorization"] == "/argo/" and visitor.problems == []
        visitor.page.context.close()
