"""The base install, what a pod on a shared volume has, runs a whole job and loads nothing heavy."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fanfold_steps.job.formats import Parquet
from fanfold_steps.worker import exits
from tests.steps.conftest import count_words, parse_counts

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
HEAVY = {
    "hera",
    "kubernetes",
    "pydantic",
    "fastapi",
    "starlette",
    "uvicorn",
    "click",
    "httpx",
    "etcd3",
    "grpc",
    "minio",
}


@pytest.fixture
def bare_python(tmp_path):
    """An interpreter with the built wheel and the base dependencies, each at its locked version."""
    subprocess.run([UV, "build", "--quiet", "--wheel", "--no-build-isolation", "-o", tmp_path, ROOT], check=True)
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, tmp_path / "env"], check=True)
    python = tmp_path / "env" / "bin" / "python"
    locked = re.findall(
        r"^(?:lz4|cloudpickle|backports-zstd)==\S+", (ROOT / "constraints.txt").read_text(), re.MULTILINE
    )
    wheel = next(tmp_path.glob("fanfold-*.whl"))
    subprocess.run([UV, "pip", "install", "--quiet", "--python", python, "--no-deps", wheel, *locked], check=True)
    return python


@pytest.mark.thorough
def test_a_base_install_runs_a_job(bare_python, small_job):
    texts = {"a.txt": b"one two one\n" * 100}
    small_job.write_input(texts)
    small_job.create()
    program = (
        "import json, sys\nfrom fanfold_steps.__main__ import main\n"
        f"status = main(['all', '--job', {small_job.url!r}])\n"
        "print(json.dumps([status, sorted({name.partition('.')[0] for name in sys.modules})]))"
    )
    told = subprocess.run([bare_python, "-c", program], capture_output=True, text=True, check=True, cwd=small_job.root)
    status, modules = json.loads(told.stdout)
    assert status == 0
    assert parse_counts(small_job.output()) == count_words(texts)
    assert "fanfold_steps" in modules
    assert not HEAVY & set(modules)
    assert "site-packages" in subprocess.check_output(
        [bare_python, "-c", "import fanfold_steps; print(fanfold_steps.__file__)"], text=True, cwd=small_job.root
    )


@pytest.mark.thorough
def test_a_job_of_parquet_says_what_to_install(bare_python, small_job):
    small_job.write_input({"a.txt": b"one\n"})
    small_job.create(output=Parquet())
    command = [bare_python, "-m", "fanfold_steps", "all", "--job", small_job.url]
    assert subprocess.run(command, capture_output=True, cwd=small_job.root).returncode == exits.FAILED
    told = small_job.tree.read("failed.json")["message"]
    assert "Parquet needs PyArrow, which can't be imported" in told
    assert "pip install '/path/to/fanfold[parquet]'" in told


def test_a_job_of_text_loads_neither_pyarrow_nor_polars(small_job):
    small_job.write_input({"a.txt": b"one two\n"})
    small_job.create()
    program = (
        "import sys\nfrom fanfold_steps.__main__ import main\n"
        f"assert main(['all', '--job', {small_job.url!r}]) == 0\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"pyarrow", "polars", "numpy", "pandas"} & set(told.stdout.split())


@pytest.mark.thorough
def test_a_verb_that_needs_more_says_what_to_install(bare_python, tmp_path):
    (tmp_path / "in").write_text("x\n")
    told = subprocess.run([bare_python, "-m", "fanfold_client", "run"], capture_output=True, text=True, cwd=tmp_path)
    assert told.returncode != 0
    assert "pip install '/path/to/fanfold[client]'" in told.stderr
    assert "Traceback" not in told.stderr
    (tmp_path / "words.py").write_text("from fanfold import Job, Sum\nJob(reduce=Sum()).main()\n")
    told = subprocess.run([bare_python, "words.py"], capture_output=True, text=True, cwd=tmp_path)
    what = "fanfold: click is not installed, and a job's own command needs it."
    assert (told.returncode, told.stderr) == (1, f"{what} Run: pip install '/path/to/fanfold[workflows]'\n")
