"""A job's code reaches its owner's files, the shared ones, its own tree: every try to reach more is refused.

The tries, and what each ends with, are printed; docs/security.md lists them.
"""

import json
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.argo.installation import Installation, eventually, kubectl

INTRUDER = Path(__file__).with_name("intruder.py")
SECURITY = Path(__file__).parents[2] / "docs/security.md"
ROOTS = {"pvc": "file:///data/", "s3": "s3://fanfold/"}
SECRET = "nobody else's business"
TEAM = "insiders"


@dataclass(frozen=True)
class Try:
    """What the code tries, and by which function of intruder.py."""

    what: str
    function: str
    arguments: tuple[Any, ...]

    @property
    def line(self) -> str:
        return json.dumps({"what": self.what, "try": self.function, "with": self.arguments})


@pytest.fixture(scope="session")
def victim(installation: Installation) -> Installation:
    """Somebody else, with a file and a job with code of its own."""
    admin = replace(installation, name="admin", home=installation.home.parent / "admin")
    name, password = f"v{secrets.token_hex(4)}", secrets.token_urlsafe(16)
    admin.fanfold("users", "add", name, "--role", "submitter", "--password-stdin", stdin=f"{password}\n")
    admin.fanfold("groups", "add", TEAM, name)
    other = Installation(installation.namespace, installation.url, name, password, installation.home.parent / name)
    other.login()
    place = other.home / "secret.txt"
    place.write_text(SECRET)
    other.fanfold("put", place, "secret.txt")
    other.fanfold("put", place, f"@team/{TEAM}/secret.txt")
    return other


@pytest.fixture(scope="session")
def victims_job(victim: Installation) -> dict[str, Any]:
    """The record of the other one's job, which has ended."""
    script = victim.home / "quiet.py"
    script.write_text("from fanfold import Job\n\ndef f(line):\n    yield line\n\njob = Job(map=f)\n")
    job = victim.fanfold("submit", script, "--input", "files:secret.txt", "--watch").split()[0]
    (record,) = [found for found in victim.etcd(job) if "conf" in found]
    return record


@pytest.fixture(scope="session")
def storage(installation: Installation) -> str:
    claims = kubectl("get", "pvc", "-n", installation.namespace, "-o", "name")
    return "s3" if "fanfold-minio" in claims else "pvc"


def key_of(url: str, root: str) -> str:
    return url.removeprefix(root)


def tries(me: Installation, victim: Installation, record: dict[str, Any], storage: str) -> list[Try]:
    """Everything that is tried; names of people and jobs are left out of what is said of it.

    A store writes by way of a temporary file in its own root, so a write begins at the folder that is meant: from
    the volume's root, which is read-only, it would be refused for another reason.
    """
    root = ROOTS[storage]
    theirs, mine = f"files/{victim.id()}/", f"files/{me.id()}/"
    names = [victim.id(), record["id"], record["conf"]["bundle_url"].rpartition("/")[2]]
    tree, bundle = key_of(record["url"], root), key_of(record["conf"]["bundle_url"], root)
    found = [
        Try("read another user's file", "read", (root, f"{theirs}secret.txt")),
        Try("list another user's files", "listing", (root, theirs, names)),
        Try("list all users' files", "listing", (root, "files/", names)),
        Try("list everything", "listing", (root, "", names)),
        Try("change another user's file", "write", (root + theirs, "secret.txt")),
        Try("create a file among another user's", "create", (root + theirs, "new.txt")),
        Try("delete another user's file", "delete", (root + theirs, "secret.txt")),
        Try("read a file of another's team", "read", (root, f"files/@team/{TEAM}/secret.txt")),
        Try("create a file among those of another's team", "create", (f"{root}files/@team/{TEAM}/", "new.txt")),
        Try("change a shared file", "write", (f"{root}files/@shared/", "mine.txt")),
        Try("read another job's tree", "read", (root, f"{tree}job.json")),
        Try("list all jobs' trees", "listing", (root, "jobs/", names)),
        Try("write into another job's tree", "write", (root + tree, "report.json")),
        Try("read another user's code", "read", (root, bundle)),
        Try("list all code", "listing", (root, "bundles/", names)),
        Try("replace another user's code", "write", (f"{root}bundles/", bundle.removeprefix("bundles/"))),
        Try(
            "find the services' secrets in the environment",
            "environment",
            (["FANFOLD_SUBMIT", "FANFOLD_AUTH", "ETCDCTL"],),
        ),
        Try("find them in other processes' environments", "others_environment", ()),
        Try("read the pod's Kubernetes token", "token", ()),
        Try("become root", "become_root", ()),
        Try("read all records of etcd over HTTP", "fetch", ("http://etcd-client:2379/v3/kv/range",)),
        Try("read all records of etcd over HTTPS", "fetch", ("https://etcd-client:2379/v3/kv/range",)),
        Try("list users", "fetch", ("http://auth:1337/v1/users",)),
        Try("list everybody's jobs", "fetch", ("http://submit:1338/v1/jobs?all=true",)),
        Try(
            "read Secrets through the API server",
            "fetch",
            (f"https://kubernetes.default.svc/api/v1/namespaces/{me.namespace}/secrets",),
        ),
        Try(
            "list pods through the API server",
            "fetch",
            (f"https://kubernetes.default.svc/api/v1/namespaces/{me.namespace}/pods",),
        ),
        Try("ask the node's kubelet", "fetch", (f"https://{node_address()}:10250/pods",)),
        Try("ask the cloud's metadata service", "fetch", ("http://169.254.169.254/latest/meta-data/",)),
    ]
    if storage == "pvc":
        secret = f"/data/{theirs}secret.txt"
        return [
            *found,
            Try("read another user's file by its path", "read_path", (secret,)),
            Try("read it by a path with ..", "read_path", (f"/data/{mine}../{victim.id()}/secret.txt",)),
            Try("read it through a link in its owner's files", "through_link", (f"/data/{mine}link", secret)),
            Try("hard-link it into its owner's files", "hard_link", (f"/data/{mine}hard", secret)),
            Try("list the volume", "list_path", (f"/data/{theirs}",)),
            Try("write beside the mounted parts", "write_path", ("/data/files/mine.txt",)),
            Try("change its own code while it runs", "change_own_code", ()),
        ]
    return [
        *found,
        Try("find the service's S3 key", "service_key", ("fanfold-",)),
        Try("get wider S3 credentials", "more_credentials", (root,)),
        Try("administer MinIO", "fetch", ("http://minio:9000/minio/admin/v3/info",)),
    ]


def controls(me: Installation, storage: str) -> list[Try]:
    """The same functions on what the code may reach: without these, a broken function would pass for a refusal."""
    root, mine = ROOTS[storage], f"files/{me.id()}/"
    found = [
        Try("control: read its owner's file", "read", (root, f"{mine}tries.txt")),
        Try("control: list its owner's files", "listing", (root, mine, ["tries.txt"])),
        Try("control: write its owner's file", "write", (root + mine, "control/written")),
        Try("control: create its owner's file", "create", (root + mine, "control/created")),
        Try("control: delete its owner's file", "delete", (root + mine, "control/written")),
        Try("control: look into the environment", "environment", (["PYTHONHASHSEED"],)),
        Try("control: fetch what the API server tells anybody", "fetch", ("https://kubernetes.default.svc/version",)),
    ]
    if storage == "s3":
        return [*found, Try("control: have S3 credentials", "service_key", ("",))]
    own = f"/data/{mine}tries.txt"
    return [
        *found,
        Try("control: read a path", "read_path", (own,)),
        Try("control: list a path", "list_path", (f"/data/{mine}",)),
        Try("control: write a path", "write_path", (f"/data/{mine}control/path",)),
        Try("control: follow a link", "through_link", (f"/data/{mine}control/link", own)),
        Try("control: make a hard link", "hard_link", (f"/data/{mine}control/hard", own)),
    ]


def node_address() -> str:
    return kubectl("get", "nodes", "-o", 'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}')


def outcomes_in_the_document(storage: str) -> dict[str, str]:
    """What docs/security.md says of each try, which is a part of what the try ended with."""
    rows = [line.strip("| ").split(" | ") for line in SECURITY.read_text().splitlines() if line.startswith("| ")]
    return {row[0]: row[1 if storage == "pvc" else 2].lower() for row in rows if len(row) == 3}


def test_a_jobs_code_reaches_nothing_of_others(
    installation: Installation, victim: Installation, victims_job: dict[str, Any], storage: str, tmp_path: Path
) -> None:
    all_tries, all_controls = tries(installation, victim, victims_job, storage), controls(installation, storage)
    lines = tmp_path / "tries.txt"
    lines.write_text("".join(f"{each.line}\n" for each in [*all_controls, *all_tries]))
    installation.fanfold("put", lines, "tries.txt")
    job = installation.fanfold("submit", INTRUDER, "--input", "files:tries.txt", "--watch").split()[0]
    installation.fanfold("results", job, "--output", tmp_path / "out")
    told = (tmp_path / "out/part-00000.txt").read_text().splitlines()
    outcomes = dict(line.split("\t", 1) for line in told)
    print(f"\n{storage}")
    for what, outcome in outcomes.items():
        print(f"  {what:<50} {outcome[:150]}")
    assert outcomes.keys() == {each.what for each in [*all_controls, *all_tries]}
    reached = {what for what, outcome in outcomes.items() if outcome.startswith("REACHED")}
    assert reached == {each.what for each in all_controls}
    victim.fanfold("get", "secret.txt", tmp_path / "still.txt")
    assert (tmp_path / "still.txt").read_text() == SECRET
    assert "new.txt" not in victim.fanfold("ls", "-R")
    described = outcomes_in_the_document(storage)
    unlike = {
        each.what: outcomes[each.what] for each in all_tries if described[each.what] not in outcomes[each.what].lower()
    }
    assert unlike == {}


def test_a_link_that_a_job_planted_leads_the_service_nowhere(
    installation: Installation, victim: Installation, storage: str, tmp_path: Path
) -> None:
    script = tmp_path / "plant.py"
    script.write_text(
        "import os\nfrom fanfold import Job\n\n"
        "def plant(line):\n"
        f"    os.makedirs('/data/files/{installation.id()}/planted', exist_ok=True)\n"
        f"    os.symlink('/data/files/{victim.id()}/secret.txt', '/data/files/{installation.id()}/planted/link')\n"
        f"    os.symlink('/data/files/{victim.id()}', '/data/files/{installation.id()}/planted/folder')\n"
        "    yield line\n\njob = Job(map=plant)\n"
    )
    (tmp_path / "one.txt").write_text("one\n")
    installation.fanfold("put", tmp_path / "one.txt", "one.txt")
    planting = ("submit", script, "--input", "files:one.txt", "--watch")
    if storage == "s3":  # there is nowhere to plant one
        installation.fanfold(*planting, status=1)
        return
    installation.fanfold(*planting)
    for words in (("get", "planted/link"), ("get", "planted/folder/secret.txt"), ("ls", "planted/")):
        installation.fanfold(*words, *([tmp_path / "got"] if words[0] == "get" else []), status=5)


def test_credentials_end_with_the_job(installation: Installation, storage: str, tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("one\n")
    installation.fanfold("put", tmp_path / "one.txt", "one.txt")
    job = installation.fanfold("submit", "wordcount", "--input", "files:one.txt", "--watch").split()[0]
    (workflow,) = installation.workflows(job)
    secret = ("-n", installation.namespace, "secret", f"{workflow['metadata']['name']}-s3")
    if storage == "pvc":
        assert not kubectl("get", *secret, "--ignore-not-found", "-o", "name"), "a job without S3 needs no credentials"
        return
    owner = json.loads(kubectl("get", *secret, "-o", "json"))["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["uid"]) == ("Workflow", workflow["metadata"]["uid"])
    kubectl("delete", "workflow", "-n", installation.namespace, workflow["metadata"]["name"])
    eventually(lambda: not kubectl("get", *secret, "--ignore-not-found", "-o", "name"), "the Secret is gone", 60)
