"""Teams and shared folders on a real Kubernetes: pods see the team's files, and write where their owner may."""

import secrets
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.argo.installation import Installation

READER = """
from fanfold import Job


def words(line):
    yield from line.split()


job = Job(map=words)
"""


@pytest.fixture
def team(installation: Installation, another: Installation) -> str:
    """A group of the two."""
    name = f"t{secrets.token_hex(4)}"
    assert installation.admin
    installation.admin.fanfold("groups", "add", name, installation.name, another.name)
    for person in (installation, another):
        person.login()
    return name


def test_a_teams_job_reads_and_writes_its_files(
    installation: Installation, another: Installation, team: str, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("la la land\n")
    another.fanfold("put", tmp_path / "a.txt", f"@team/{team}/texts/a.txt")
    place, counts = f"files:@team/{team}/texts/", f"files:@team/{team}/counts/"
    words = ("submit", "wordcount", "--input", place, "--output", counts, "--team", team, "--watch")
    job = installation.fanfold(*words).split()[0]
    assert another.status(job)["team"] == team
    assert another.fanfold("results", job, "--stdout") == "la\t2\nland\t1\n"
    another.fanfold("get", f"@team/{team}/counts/", tmp_path / "got")
    assert (tmp_path / "got/part-00000.txt").read_text() == "la\t2\nland\t1\n"
    assert job in another.fanfold("jobs", "--team", team)
    another.fanfold("logs", job)


def test_code_of_ones_own_reads_them_too(installation: Installation, team: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one two\n")
    (tmp_path / "words.py").write_text(READER)
    installation.fanfold("put", tmp_path / "a.txt", f"@team/{team}/texts/a.txt")
    words = ("submit", tmp_path / "words.py", "--input", f"files:@team/{team}/texts/a.txt")
    installation.fanfold(*words, status=3)  # only a job of the team does
    job = installation.fanfold(*words, "--team", team, "--watch").split()[0]
    assert installation.fanfold("results", job, "--stdout") == "one\ntwo\n"


def test_a_job_writes_to_its_owners_shared_folder_and_to_nobody_elses(
    installation: Installation, another: Installation, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("a b a\n")
    installation.fanfold("put", tmp_path / "a.txt", f"@shared/{installation.name}/texts/a.txt")
    place = f"files:@shared/{installation.name}/texts/"
    another.fanfold("submit", "wordcount", "--input", place, "--output", f"files:@shared/{another.name}/c/", "--watch")
    installation.fanfold("get", f"@shared/{another.name}/c/part-00000.txt", tmp_path / "got")
    assert (tmp_path / "got").read_text() == "a\t2\nb\t1\n"
    refused = ("submit", "wordcount", "--input", place, "--output", f"files:@shared/{installation.name}/c/")
    another.fanfold(*refused, status=4)


def test_a_lost_password_is_set_in_a_pod(installation: Installation, another: Installation) -> None:
    """docs/operating.md says how."""
    run = (
        "kubectl",
        "-n",
        installation.namespace,
        "exec",
        "-i",
        "deployment/auth",
        "--",
        "python",
        "-m",
        "fanfold_auth",
    )
    password = secrets.token_urlsafe(16)
    subprocess.run([*run, "password", another.name, "--password-stdin"], input=password, text=True, check=True)
    another.fanfold(
        "login", another.url, "--user", another.name, "--password-stdin", stdin=f"{another.password}\n", status=4
    )
    replace(another, password=password).login()
    admins = subprocess.run([*run, "admins"], capture_output=True, text=True, check=True)
    assert "admin" in admins.stdout.split()


def test_a_script_with_an_api_token_submits(installation: Installation, tmp_path: Path) -> None:
    text = installation.fanfold("tokens", "create", f"ci-{secrets.token_hex(4)}").strip()
    (tmp_path / "a.txt").write_text("a b a\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FANFOLD_TOKEN", text)
        patch.setenv("FANFOLD_URL", installation.url)
        script = Installation(installation.namespace, installation.url, installation.name, "", tmp_path / "nobody")
        assert installation.name in script.fanfold("whoami")
        script.fanfold("submit", "wordcount", "--input", tmp_path / "a.txt", "--watch")
