"""What documents point to is there."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fanfold_steps.tree import job_tree as tree

ROOT = Path(__file__).parents[1]
TRACKED = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()
NAMED = re.compile(r"([\w/]+\.py|(?:fanfold\w*|tests|bench)/(?:\w+/)*)(?:: ([\w.]+))?")
SOURCES = {
    "fanfold_storage": "storage",
    "fanfold_steps": "steps",
    "fanfold": "workflows",
    "fanfold_web": "web",
    "fanfold_auth": "auth_api",
    "fanfold_submit": "submit_api",
    "fanfold_client": "client",
}
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
STATUS = re.compile(r"\*\*Status:\*\* (accepted|proposed|rejected), \d{4}-\d\d-\d\d\b.*", re.DOTALL)
LATER = re.compile(r"(amended|superseded) (?:by \[\d+\]\(([^)]+)\)|\d{4}-\d\d-\d\d)")
ROW = re.compile(r"\| (\d+) \| \[(.+)\]\((\S+)\) \| (.+) \| .+ \|")


@pytest.mark.parametrize("document", TRACKED.split())
def test_relative_links_lead_somewhere(document: str) -> None:
    file = ROOT / document
    missing = [link for link in LINK.findall(file.read_text()) if not (file.parent / link).exists()]
    assert not missing


def test_links_to_headings_lead_to_one() -> None:
    for document in TRACKED.split():
        file = ROOT / document
        for link, heading in re.findall(r"\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)", file.read_text()):
            headings = re.findall(r"^#+ (.+)$", (file.parent / link if link else file).read_text(), re.MULTILINE)
            assert heading in map(slug, headings), f"{document} points to {link}#{heading}"


def slug(heading: str) -> str:
    """What a Git host calls a heading in a link."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_manifests_that_documents_name_are_there() -> None:
    named = {
        name for file in TRACKED.split() for name in re.findall(r"\bargo/[\w./-]+\.yaml", (ROOT / file).read_text())
    }
    assert len(named) >= 3
    assert {name for name in named if not (ROOT / name).is_file()} == set()


def test_architecture_names_what_is_there_by_its_full_path() -> None:
    """`fanfold_steps/records/map.py: RecordMapStep.run` is the method in that file; a namesake doesn't count."""
    quoted = re.findall(r"`([^`\n]+)`", ARCHITECTURE)
    assert [text for text in quoted if ".py" in text and not NAMED.fullmatch(text)] == []
    named = [match.groups() for text in quoted if (match := NAMED.fullmatch(text))]
    assert len(named) > 100
    missing = [f"{path}: {name}" for path, name in named if not is_there(path, name)]
    assert not missing


def test_architecture_names_every_package() -> None:
    found = {init.parent for source in SOURCES.values() for init in (ROOT / source).rglob("__init__.py")}
    packages = {f"{'/'.join(folder.relative_to(ROOT).parts[1:])}/" for folder in found}
    assert len(packages) > 40
    assert {package for package in packages if f"`{package}`" not in ARCHITECTURE} == set()


def is_there(path: str, name: str | None) -> bool:
    """Whether a file or folder is there, and in the file what is named: a function, a class, a method, a variable."""
    layer = SOURCES.get(path.partition("/")[0])
    place = ROOT / layer / path if layer else ROOT / path
    if not name:
        return place.is_dir() if path.endswith("/") else place.is_file()
    body: list[ast.stmt] = ast.parse(place.read_text()).body if place.is_file() else []
    for part in name.split("."):
        found = [node for node in body if part in defined(node)]
        if not found:
            return False
        body = getattr(found[0], "body", [])
    return True


def defined(node: ast.stmt) -> set[str]:
    """The names that a statement defines."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


@pytest.mark.parametrize(
    ("path", "name", "there"),
    [
        ("fanfold_steps/records/map.py", "RecordMapStep.run", True),
        ("fanfold_steps/lines/map.py", "RecordMapStep.run", False),
        ("fanfold_steps/records/map.py", "MapTask.walk", False),
        ("fanfold_steps/map.py", None, False),
        ("records/map.py", None, False),
        ("map.py", None, False),
        ("fanfold_steps/records/", None, True),
        ("fanfold_steps/recordings/", None, False),
    ],
)
def test_a_namesake_does_not_pass(path: str, name: str | None, there: bool) -> None:
    assert is_there(path, name) is there


LEAVES_ALL = """
from fanfold import Job, Skip, Sum, Text, To

def words(line):
    yield To("seen", line)
    yield line, 1 // len(line)

job = Job(map=words, reduce=Sum(), outputs={"seen": Text()}, on_error=Skip(at_most=0.9))
"""


@pytest.mark.thorough
def test_architecture_tells_the_fields_of_commits_failures_and_reports(tmp_path: Path) -> None:
    """Those that a job leaves that has a named output and skips a record; and another that fails."""
    (tmp_path / "in.txt").write_text("a\n\nb\n")
    (tmp_path / "leaves.py").write_text(LEAVES_ALL)
    (tmp_path / "fails.py").write_text(LEAVES_ALL.replace("0.9", "0"))
    for job, status in (("leaves", 0), ("fails", 1)):
        command = [sys.executable, "-m", "fanfold_client", "run", f"{job}.py", "--input", "in.txt", "--output", job]
        assert subprocess.run([*command, "--keep", "--quiet"], cwd=tmp_path, check=False).returncode == status
    commits = [json.loads(file.read_text()) for file in tmp_path.glob("leaves/_job/stage-0/*/commits/*.json")]
    assert len(commits) == 2
    assert told_fields("What a commit holds") == {field for commit in commits for field in commit}
    assert told_fields("What a failure holds") == set(json.loads((tmp_path / "fails/_job/failed.json").read_text()))
    report = json.loads((tmp_path / "leaves/_job/report.json").read_text())
    told = ARCHITECTURE.partition("**What a report holds**")[2].partition("\n\n")[0]
    assert {field for field in report if f"`{field}`" not in told} == set()


def told_fields(title: str) -> set[str]:
    """The fields in the first column of the table below a title."""
    rows = ARCHITECTURE.partition(f"**{title}**")[2].partition("|---")[2].partition("\n\n")[0].splitlines()[1:]
    return {field for row in rows for field in re.findall(r"`(\w+)`", row.split("|")[1])}


def test_the_list_of_the_job_trees_files_is_whole() -> None:
    written = [*ROOT.glob("steps/fanfold_steps/**/*.py"), *ROOT.glob("workflows/fanfold/**/*.py")]
    keys = re.compile(r"""["/}]([a-z]+\.(?:json|zip))["']""")
    names = {name for file in written for name in keys.findall(file.read_text())}
    assert {"job.json", "boundaries.json", "bundle.zip"} <= names
    assert not {name for name in names if name not in str(tree.__doc__)}


@pytest.mark.thorough
def test_every_test_that_the_page_on_security_names_is_there() -> None:
    """`tests/….py` is a file; with `::test_…`, that test is in it, in a class or not."""
    page = (ROOT / "docs" / "security.md").read_text()
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page)
    assert len([name for _, name in named if name]) > 50
    assert len(named) == page.count("`tests/"), "what is written in another form isn't looked for"
    missing = [f"{path}::{name}" for path, name in named if not has_test(ROOT / path, name)]
    assert not missing


def has_test(file: Path, name: str) -> bool:
    nodes = ast.walk(ast.parse(file.read_text())) if file.is_file() else ()
    functions = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    return bool(functions) and (not name or name in functions)


def test_no_number_of_a_decision_stands_twice() -> None:
    numbers = [file.name[:4] for file in DECISIONS]
    assert len(numbers) == len(set(numbers)) >= 17


def test_the_index_of_decisions_says_which_numbers_were_never_used() -> None:
    numbers = {int(file.name[:4]) for file in DECISIONS}
    missing = sorted({*range(1, max(numbers))} - numbers)
    named = " and ".join(map(str, missing))
    assert not missing or f"There are no decisions {named}:" in (DECISIONS[0].parent / "README.md").read_text()


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda file: file.name)
def test_a_decision_has_its_number_and_a_status_and_stands_in_the_index(decision: Path) -> None:
    title, status, *_ = decision.read_text().split("\n\n")
    number, _, name = title.removeprefix("# ").partition(". ")
    assert number == str(int(decision.name[:4]))
    assert STATUS.fullmatch(status)
    told = "; ".join(match[0] for match in LATER.finditer(status)) or "accepted"
    rows = [row for row in ROW.findall((decision.parent / "README.md").read_text()) if row[0] == number]
    assert [row[1:] for row in rows] == [(name, decision.name, told)]
    for change, link in LATER.findall(status):
        back = {"amended": "Amends", "superseded": "Supersedes"}[change]
        assert not link or f"{back} [{number}]({decision.name})" in (decision.parent / link).read_text()
