"""Wheels for a Python and a platform, chosen by uv out of a folder of the test's own."""

import hashlib
import json
from pathlib import Path

import pytest

from fanfold.dependencies.locking import IndexAway, own_constraints
from fanfold.dependencies.requirements import Requirements, requirements_of
from fanfold.dependencies.resolution import resolve
from fanfold.dependencies.targets import STEPS_IMAGE, Target, target, this_machine
from fanfold.dependencies.wheels import Wheelhouse, wheelhouse
from fanfold.errors import Refused
from fanfold.terminal.errors import Exit, status_of
from tests.wheels import build_wheel, only_from

PLATFORM = "x86_64-manylinux_2_36"
TARGET = target("3.13", PLATFORM)


@pytest.fixture
def index(tmp_path, monkeypatch):
    """An empty folder that stands for the index."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name, value in only_from(folder, tmp_path / "cache").items():
        monkeypatch.setenv(name, value)
    return folder


def fetched(asked: Requirements, target: Target) -> Wheelhouse:
    """The wheels that another process would get."""
    wheelhouse.cache_clear()
    return wheelhouse(asked, target)


def of_file(requirements: Path) -> Requirements:
    """What a file of requirements asks for, for an empty job beside it."""
    job = requirements.with_name("empty.py")
    job.touch()
    asked = requirements_of(str(job), str(requirements))
    assert asked
    return asked


@pytest.fixture
def ask(tmp_path):
    def ask_for(*requirements, python=None):
        job = tmp_path / "job.py"
        lines = [f"dependencies = {json.dumps(requirements)}"]
        lines += [f'requires-python = "{python}"'] if python else []
        job.write_text("".join(["# /// script\n", *(f"# {line}\n" for line in lines), "# ///\n"]))
        return requirements_of(str(job), None)

    return ask_for


def names(wheels):
    return [wheel.name for wheel in wheels]


def test_a_package_comes_with_what_it_depends_on_but_without_fanfold(index, ask):
    build_wheel(index, "below", "3.0")
    build_wheel(index, "above", "1.0", requires=["below>=2", "fanfold>=0.1"])
    assert names(resolve(ask("above", "fanfold[s3]"), TARGET)) == [
        "above-1.0-py3-none-any.whl",
        "below-3.0-py3-none-any.whl",
    ]


@pytest.mark.parametrize(
    ("platform", "chosen"),
    [
        ("x86_64-manylinux_2_36", "manylinux_2_34_x86_64"),
        ("x86_64-manylinux_2_28", "manylinux_2_17_x86_64.manylinux2014_x86_64"),
        ("aarch64-manylinux_2_36", "manylinux_2_28_aarch64"),
        ("aarch64-apple-darwin", "macosx_11_0_arm64"),
        ("x86_64-unknown-linux-musl", "musllinux_1_2_x86_64"),
    ],
)
def test_the_best_wheel_for_the_platform_is_chosen_wherever_that_is_not(platform, chosen, index, ask):
    for system in [
        "manylinux_2_34_x86_64",
        "manylinux_2_17_x86_64.manylinux2014_x86_64",
        "manylinux_2_28_aarch64",
        "macosx_11_0_arm64",
        "musllinux_1_2_x86_64",
        "win_amd64",
    ]:
        build_wheel(index, "native", tag=f"cp313-cp313-{system}")
        build_wheel(index, "native", tag=f"cp312-cp312-{system}")
    assert names(resolve(ask("native"), Target("3.13", platform))) == [f"native-1.0-cp313-cp313-{chosen}.whl"]


def test_the_same_job_again_has_the_same_packages_though_newer_ones_came_out(index, ask):
    build_wheel(index, "thing", "1.0")
    first = fetched(ask("thing"), TARGET)
    build_wheel(index, "thing", "2.0")
    (index / "thing-1.0-py3-none-any.whl").unlink()  # nothing is fetched again, either
    assert fetched(ask("thing"), TARGET) == first
    assert names(fetched(ask("thing>1"), TARGET).dependencies.wheels) == ["thing-2.0-py3-none-any.whl"]
    (wheel,) = first.dependencies.wheels
    assert (first.folder / wheel.sha256).stat().st_size == wheel.size


def test_a_wheel_that_changed_under_its_name_is_refused(index, ask):
    build_wheel(index, "thing", "1.0")
    found = resolve(ask("thing"), TARGET)
    build_wheel(index, "thing", "1.0", {"thing.py": "EVIL = 1\n"})
    assert found[0].sha256
    with pytest.raises(Refused, match=r"thing-1\.0-py3-none-any\.whl isn't the file that the index lists"):
        fetched(ask("thing"), TARGET)
    assert [path.name for path in Path(fetched(ask("thing>=0"), TARGET).folder).glob("partial*")] == []


@pytest.mark.parametrize(
    ("requirements", "told"),
    [
        (["nothing"], "nothing was not found in the provided package locations"),
        (["thing==1", "thing==2"], "you require thing==1 and thing==2"),
        (["thing", "needy"], "needy"),
        (["foreign"], "foreign==1.0 has no wheels with a matching"),
        (["sourced"], "sourced==1.0 has no usable wheels"),
    ],
)
def test_what_can_not_be_had_is_told_with_the_package_and_the_platform(requirements, told, index, ask):
    build_wheel(index, "thing", "1.0")
    build_wheel(index, "thing", "2.0")
    build_wheel(index, "needy", "1.0", requires=["thing>=3"])
    build_wheel(index, "foreign", tag="cp313-cp313-win_amd64")
    (index / "sourced-1.0.tar.gz").write_bytes(b"")
    with pytest.raises(Refused) as refusal:
        resolve(ask(*requirements), TARGET)
    message = str(refusal.value)
    assert told in message
    assert "can't be resolved for Python 3.13 on x86_64-manylinux_2_36: " in message
    assert "\n" not in message
    assert status_of(refusal.value) == Exit.REFUSED


@pytest.mark.parametrize(
    ("wanted", "python", "fits"),
    [
        (">=3.12", "3.13", True),
        (">=3.13.2", "3.13", True),
        (">=3.13.2", "3.13.1", False),
        (">=3.14", "3.13", False),
        ("<3.13", "3.13", False),
        ("==3.11.*", "3.11.7", True),
    ],
)
def test_a_job_for_another_python_is_refused(wanted, python, fits, index, ask):
    asked = ask(python=wanted)
    if fits:
        assert resolve(asked, Target(python, TARGET.platform)) == []
        return
    with pytest.raises(
        Refused, match=f"requires Python {wanted}, but the job would run with Python {python} on x86_64"
    ):
        resolve(asked, Target(python, TARGET.platform))


def test_an_index_that_is_away_is_not_the_jobs_fault(index, ask, monkeypatch):
    monkeypatch.delenv("UV_CONFIG_FILE")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/wheels")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(IndexAway, match="no response from the package index") as refusal:
        resolve(ask("thing"), TARGET)
    assert status_of(refusal.value) == Exit.AWAY


def test_a_lock_file_is_held_to_its_hashes(index, tmp_path):
    wheel = build_wheel(index, "thing", "1.0")
    lock = tmp_path / "lock.txt"
    lock.write_text(f"thing==1.0 \\\n    --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n")
    assert names(resolve(of_file(lock), TARGET)) == [wheel.name]
    lock.write_text(f"thing==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(Refused, match=r"thing: the wheel that fits has none of the hashes in .*lock\.txt: lock"):
        resolve(of_file(lock), TARGET)


def test_a_pylock_is_taken_as_it_is(index, tmp_path):
    wheels = [build_wheel(index, "thing", tag=f"cp313-cp313-{one}") for one in ("linux_x86_64", "win_amd64")]
    entries = [
        f'{{ name = "{wheel.name}", path = "index/{wheel.name}", hashes = {{ sha256 = '
        f'"{hashlib.sha256(wheel.read_bytes()).hexdigest()}" }} }}'
        for wheel in wheels
    ]
    lock = tmp_path / "pylock.toml"
    lock.write_text(
        'lock-version = "1.0"\ncreated-by = "a test"\n[[packages]]\nname = "thing"\nversion = "1.0"\n'
        f"wheels = [{', '.join(entries)}]\n"
    )
    asked = of_file(lock)
    assert names(fetched(asked, TARGET).dependencies.wheels) == ["thing-1.0-cp313-cp313-linux_x86_64.whl"]
    with pytest.raises(Refused, match="No wheel found matching the provided tags for package 'thing'"):
        resolve(asked, Target("3.12", TARGET.platform))
    lock.write_text("lock-version = 2\n")
    with pytest.raises(Refused, match="can't be resolved for"):
        resolve(of_file(lock), TARGET)


def test_a_wheel_of_ones_own_is_named_by_its_path_and_a_folder_is_refused(index, tmp_path):
    (tmp_path / "dist").mkdir()
    wheel = build_wheel(tmp_path / "dist", "own")
    asked = tmp_path / "r.txt"
    asked.write_text(f"./dist/{wheel.name}\n")
    first = fetched(of_file(asked), TARGET).dependencies
    assert names(first.wheels) == [wheel.name]
    build_wheel(tmp_path / "dist", "own", files={"own.py": "NEW = 1\n"})
    second = fetched(of_file(asked), TARGET).dependencies
    assert names(second.wheels) == [wheel.name]
    assert first.digest != second.digest  # what was built anew is taken anew
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text('[project]\nname = "built"\nversion = "1"\n')
    asked.write_text("./project\n")
    with pytest.raises(Refused, match="built"):
        resolve(of_file(asked), TARGET)


def test_packages_that_fanfold_could_not_work_with_are_refused(index, ask):
    build_wheel(index, "polars", "1.0")
    build_wheel(index, "polars", "1.99")
    assert names(resolve(ask("polars"), TARGET)) == ["polars-1.99-py3-none-any.whl"]
    with pytest.raises(Refused, match=r"; Fanfold itself needs polars>=1\.\d+$"):
        resolve(ask("polars<1.1"), TARGET)
    assert "click" not in "".join(own_constraints())  # which no worker loads


@pytest.mark.parametrize(
    ("python", "platform"), [("3", PLATFORM), ("py3.13", PLATFORM), ("3.13", "linux"), ("3.13", f"{PLATFORM}\n")]
)
def test_a_target_that_is_none_is_refused(python, platform):
    with pytest.raises(Refused, match=r"the image's (Python|platform) is "):
        target(python, platform)


def test_targets_are_told_by_what_they_are():
    here = this_machine()
    assert target(here.python, here.platform) == here
    containerfile = (Path(__file__).parents[3] / "argo/images/fanfold.Containerfile").read_text()
    assert f"/library/python:{STEPS_IMAGE.python}-slim-bookworm" in containerfile
    assert STEPS_IMAGE.platform == "x86_64-manylinux_2_36"  # Debian 12 has glibc 2.36
