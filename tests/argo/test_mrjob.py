"""mrjob's own examples on a cluster, unchanged, with mrjob travelling beside them: the bytes of its own runner."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import mrjob
import pytest

from tests.argo.installation import Installation
from tests.workflows.authoring.test_mrjob import WARCIO

MRJOB = Path(str(mrjob.__file__)).parent
TEXT = "the Fuchsia cat sat, under the umbrella\nand Ünder the\tHut\n\nfour four unusual cats' words, the\n"
EXAMPLES = {  # with their options, the runner of mrjob's that can run them here, and the folder of their inputs
    "mr_wc": ([], "inline", "in"),
    "mr_word_freq_count": ([], "inline", "in"),
    "mr_count_lines_right": ([], "inline", "in"),
    "mr_most_used_word": ([], "inline", "in"),
    "mr_next_word_stats": ([], "inline", "in"),
    "mr_log_sampler": (["--sample-size", "1000"], "inline", "in"),
    "mr_grep": (["-e", "un[a-z]* "], "local", "in"),
    "mr_words_containing_u_freq_count": ([], "local", "in"),
    "mr_text_classifier": (["--min-df", "3"], "inline", "documents"),
    "mr_phone_to_url": ([], "inline", "crawled"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples with mrjob and what they import beside them, and their inputs."""
    folder = tmp_path_factory.mktemp("mrjob")
    shutil.copytree(MRJOB, folder / "mrjob", ignore=shutil.ignore_patterns("__pycache__", "examples"))
    for script in (MRJOB / "examples").glob("*.*"):
        shutil.copy(script, folder)
    (folder / "in").mkdir()
    for number in range(2):
        (folder / "in" / f"{number}.txt").write_text(TEXT * (number + 3))
    (folder / "documents").mkdir()
    for document in sorted((MRJOB / "examples/docs-to-classify").iterdir())[:6]:
        shutil.copy(document, folder / "documents")
    (folder / "crawled").mkdir()
    for number in range(3):
        page = f"http://host{number % 2}/p{number} call (415) 555-000{number} now\n"
        (folder / "crawled" / f"{number}.wet").write_text(page)
    (folder / "warcio").mkdir()
    (folder / "warcio/__init__.py").touch()
    (folder / "warcio/archiveiterator.py").write_text(WARCIO)
    return folder


def lines_of(installation: Installation, script: Path, inputs: Path, own: list[str], out: Path) -> list[bytes]:
    """The lines that the script's job wrote on the cluster."""
    words = ("--mrjob", script, "--input", inputs, "--partitions", "2", "--watch")
    job = installation.fanfold("submit", *words, "--", *own).split()[0]
    installation.fanfold("results", job, "--output", out)
    return [line for part in out.glob("part-*") for line in part.read_bytes().splitlines(keepends=True)]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_gives_the_bytes_of_mrjobs_own_runner(
    name: str, folder: Path, installation: Installation, tmp_path: Path
) -> None:
    own, runner, inputs = EXAMPLES[name]
    script, files = folder / f"{name}.py", sorted((folder / inputs).iterdir())
    found = lines_of(installation, script, folder / inputs, own, tmp_path / "out")
    command = [sys.executable, str(script), "-q", "-r", runner, *own, *map(str, files)]
    done = subprocess.run(
        command, capture_output=True, check=True, env={"PYTHONHASHSEED": "0", "PATH": "/usr/bin:/bin"}
    )
    assert sorted(found) == sorted(done.stdout.splitlines(keepends=True)) != []


def test_an_example_that_asks_for_the_file_is_told_its_name(
    folder: Path, installation: Installation, tmp_path: Path
) -> None:
    """Where the file lies differs from here to there, its name doesn't."""
    found = lines_of(installation, folder / "mr_count_lines_by_file.py", folder / "in", [], tmp_path / "out")
    counts = {json.loads(line.split(b"\t")[0]).rpartition("/")[2]: int(line.split(b"\t")[1]) for line in found}
    assert counts == {"0.txt": 3 * TEXT.count("\n"), "1.txt": 4 * TEXT.count("\n")}
