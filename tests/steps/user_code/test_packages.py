"""A job's packages on a worker: installed once, without a network, whoever else does so or is killed meanwhile."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.job.dependencies import Dependencies, Wheel
from fanfold_steps.job.spec import JobConf, JobSpec
from fanfold_steps.user_code import packages
from fanfold_steps.user_code.loading import Code
from fanfold_steps.user_code.packages import THIS_PYTHON, Packages, cache_folder, installed
from tests.waiting import poll
from tests.wheels import build_wheel


@pytest.fixture
def store(tmp_path):
    (tmp_path / "store").mkdir()
    return tmp_path / "store"


def stored(store, *wheels):
    """Dependencies on wheels, which lie in the store under their hashes."""
    found = []
    for wheel in wheels:
        data = wheel.read_bytes()
        found.append(Wheel(wheel.name, hashlib.sha256(data).hexdigest(), len(data)))
        (store / found[-1].sha256).write_bytes(data)
    return Dependencies(THIS_PYTHON, "linux", found)


@pytest.fixture
def thing(store, tmp_path):
    return stored(
        store, build_wheel(tmp_path, "thing", requires=["fanfold", "nowhere"]), build_wheel(tmp_path, "other", "2.0")
    )


@pytest.fixture
def environments(tmp_path):
    (tmp_path / "environments").mkdir()
    return tmp_path / "environments"


def test_wheels_are_installed_once_into_a_folder_named_by_them(thing, store, environments, monkeypatch):
    folder = installed(thing, f"{store.as_uri()}/", environments)
    assert folder == environments / thing.digest / "site-packages"
    assert (folder / "thing.py").read_text() == "VERSION = '1.0'\n"
    assert (folder / "other.py").is_file()
    assert sorted(path.name for path in environments.iterdir()) == [thing.digest, f"{thing.digest}.lock"]
    monkeypatch.setattr(packages, "_install", None)
    shutil.rmtree(store)
    assert installed(thing, f"{store.as_uri()}/", environments) == folder


def test_a_worker_says_that_it_installs_only_while_it_does(thing, store, environments, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(environments))
    said: list[str] = []
    conf = JobConf("j", JobSpec(dependencies=thing), [], "", 1, 1, {}, "", wheels_url=f"{store.as_uri()}/")
    code = Code(conf, said.append)
    code.install_packages()
    code.close()
    assert said == ["installing packages", ""]


def test_other_wheels_or_another_python_have_another_folder(thing):
    one, other = thing.wheels
    changed = [
        replace(thing, wheels=[one]),
        replace(thing, wheels=[one, replace(other, sha256="0" * 64)]),
        replace(thing, python="3.99"),
        replace(thing, platform="other"),
    ]
    assert len({each.digest for each in [thing, *changed]}) == 5


INSTALL = """
import json, sys
from pathlib import Path
from fanfold_steps.job.dependencies import dependencies_from_json
from fanfold_steps.user_code import packages
if sys.argv[4:]:
    run = packages._run_uv
    def stop(*words):
        run(*words)
        print("installed", flush=True)
        sys.stdin.read()
    packages._run_uv = stop
print(packages.installed(dependencies_from_json(json.loads(sys.argv[1])), sys.argv[2], Path(sys.argv[3])))
"""


def installer(thing, store, environments, *words):
    import json
    from dataclasses import asdict

    command = [sys.executable, "-c", INSTALL, json.dumps(asdict(thing)), f"{store.as_uri()}/", environments, *words]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.mark.thorough
def test_workers_that_start_at_once_share_it_and_one_that_was_killed_leaves_nothing(thing, store, environments):
    killed = installer(thing, store, environments, "and wait")
    assert killed.stdout.readline() == "installed\n"
    waiting = [installer(thing, store, environments) for _ in range(4)]
    assert not (environments / thing.digest).exists()
    assert poll(lambda: list(environments.glob("*.partial")))
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    folders = {process.communicate(timeout=60)[0].strip() for process in waiting}
    assert folders == {str(environments / thing.digest / "site-packages")}
    assert sorted(path.name for path in environments.iterdir()) == [thing.digest, f"{thing.digest}.lock"]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda store, thing: (store / thing.wheels[0].sha256).unlink(), "isn't stored any more: submit the job again"),
        (lambda store, thing: (store / thing.wheels[0].sha256).write_bytes(b"x"), "its SHA-256 differs"),
    ],
)
def test_a_wheel_that_is_missing_or_another_fails_the_job(spoil, told, thing, store, environments):
    spoil(store, thing)
    with pytest.raises(PermanentFailure, match=told):
        installed(thing, f"{store.as_uri()}/", environments)
    assert [path.name for path in environments.iterdir()] == [f"{thing.digest}.lock"]


def test_wheels_that_do_not_fit_fail_the_job_by_their_names(store, environments, tmp_path):
    foreign = stored(store, build_wheel(tmp_path, "foreign", tag="cp39-cp39-win_amd64"))
    with pytest.raises(
        PermanentFailure, match=r"chosen for Python 3\.\d+ on linux, can't be installed here: .*foreign==1\.0"
    ):
        installed(foreign, f"{store.as_uri()}/", environments)
    other = replace(foreign, python="3.9")
    with pytest.raises(PermanentFailure, match=rf"for Python 3\.9 on linux, but this worker runs Python {THIS_PYTHON}"):
        installed(other, f"{store.as_uri()}/", environments)


def test_a_wheel_that_leads_out_of_the_folder_is_not_followed(store, environments, tmp_path):
    evil = stored(store, build_wheel(tmp_path, "evil", files={"../../../evil.py": "EVIL = 1\n", "evil.py": ""}))
    folder = installed(evil, f"{store.as_uri()}/", environments)
    assert list(tmp_path.glob("**/evil.py")) == [folder / "evil.py"]
    assert (folder / "evil.py").read_text() == ""


def test_without_uv_it_is_told_what_to_install(thing, store, environments, monkeypatch):
    monkeypatch.setitem(sys.modules, "uv", None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PermanentFailure, match=r"uv, which installs packages, is missing .*pip install '.*\[steps\]'"):
        installed(thing, f"{store.as_uri()}/", environments)


def test_uv_is_not_led_astray_by_settings(thing, store, environments, monkeypatch):
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/wheels")
    monkeypatch.setenv("UV_TARGET", "/nowhere")
    monkeypatch.setenv("UV_REQUIRE_HASHES", "1")
    assert installed(thing, f"{store.as_uri()}/", environments).is_dir()


def test_without_a_cache_they_are_in_a_folder_of_the_process_that_goes_with_it(thing, store, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setenv("PYTHONPATH", "/before")
    assert cache_folder("environments") is None
    found = Packages(thing, f"{store.as_uri()}/")
    child = subprocess.run([sys.executable, "-c", "import thing; print(thing.VERSION)"], capture_output=True, text=True)
    assert child.stdout == "1.0\n"
    found.close()
    assert not found.folder.exists()
    assert os.environ["PYTHONPATH"] == "/before"
    assert str(found.folder) not in os.environ["PATH"]


def test_the_cache_is_where_others_keep_theirs(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert cache_folder("wheels") == tmp_path / "cache/fanfold/wheels"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder("wheels") == Path(tmp_path / ".cache/fanfold/wheels")
