"""A job's code can write whatever it likes to the job's tree: the job ends, cancelling works, lists stay readable."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import url2pathname

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fanfold.engines import Phase
from fanfold_steps.job.spec import conf_from_json
from fanfold_submit.jobs.job import Job
from fanfold_submit.jobs.outputs.results import results_of
from fanfold_web.refusals import Refusal
from tests.submit_api.reconciling import Bench

FILES = [
    "job.json",
    "plan.json",
    "stage-0/map/commits/00000.json",
    "stage-0/map/commits/00001.json",
    "stage-0/map/commits/99999999999999999999.json",
    "stage-0/reduce/commits/00000.json",
    "stage-0/boundaries.json",
    "claims/0-map-00000.json",
    "workers/map-0.json",
    "deaths/0-map-00000.json",
    "report.json",
    "failed.json",
    "output/_SUCCESS",
]

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(
        [-1, 1 << 63, 10**400, 1e308, float("nan"), float("inf"), "", "\ud800", "../../x", "\x1b[2J", "part"]
    )
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def without(members: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in members.items() if key != name}


def write(change: Callable[[Any], Any]) -> Callable[[Path], None]:
    def forge(path: Path) -> None:
        try:
            sound = json.loads(path.read_bytes())
        except (OSError, ValueError):
            sound = {}
        path.write_text(json.dumps(change(sound)))

    return forge


def member(value: Any, position: int) -> Callable[[Any], Any]:
    """Changes one member, at whichever depth."""

    def change(sound: Any) -> Any:
        places: list[tuple[Any, Any]] = []
        remaining = [sound]
        while remaining:
            found = remaining.pop()
            inner = list(found.items()) if isinstance(found, dict) else list(enumerate(found))
            places += [(found, key) for key, _ in inner]
            remaining += [below for _, below in inner if isinstance(below, dict | list)]
        if not places:
            return value
        holder, key = places[position % len(places)]
        holder[key] = value
        return sound

    return change


def link(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to("/etc/passwd")


def folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def raw(data: bytes) -> Callable[[Path], None]:
    return lambda path: void(path.write_bytes(data))


def void(_: object) -> None:
    return None


FORGERIES: st.SearchStrategy[Callable[[Path], None]] = st.one_of(
    VALUES.map(lambda value: write(lambda _: value)),
    st.builds(lambda value, position: write(member(value, position)), VALUES, st.integers(0, 60)),
    st.binary(max_size=30).map(raw),
    st.sampled_from([raw(b"[" * 100_000), raw(b'{"a":' * 100_000), raw(b" " * (70 << 20)), raw(b"9" * 5000)]),
    st.sampled_from([link, folder, pipe, lambda path: path.unlink(missing_ok=True)]),
)


def path_of(url: str) -> Path:
    return Path(url2pathname(url.removeprefix("file://")))


def check(bench: Bench, job: Job, forgery: Callable[[Path], None], file: str, finished: bool, cancelled: bool) -> None:
    """Let workers get so far, forge a file, and see the job to its end."""
    bench.reconcile(job)
    if finished:
        bench.engine.finish(job.id)
    else:
        bench.engine.work(job.id, 1, planned=2)
    path = path_of(job.url) / file
    path.parent.mkdir(parents=True, exist_ok=True)
    forgery(path)
    bench.reconcile(job)
    acknowledged = cancelled and not bench.job(job).state.final
    if acknowledged:
        bench.cancel(job)
    for _ in range(10):
        crew = bench.engine.crews[job.id]
        if crew.phase is Phase.ACTIVE:
            bench.engine.end(job.id)
        bench.reconcile(job)
    seen = bench.settle(job)
    assert seen.state.final and (seen.state == "cancelled") == acknowledged
    assert seen.state != "failed" or (seen.error and seen.error["detail"])
    listed = [found.view().model_dump_json().encode() for found in bench.jobs.newest("ada")]
    assert len(listed) >= 1 and all(len(line) < 1 << 20 for line in listed)
    try:
        for output in [(results := results_of(seen)).main, *results.named.values()]:
            assert sum(len(chunk) for chunk in output.read(0, output.size)) == output.size
    except Refusal as refusal:
        assert str(refusal)


@pytest.mark.thorough
@pytest.mark.timeout(600)
@pytest.mark.parametrize("file", FILES)
def test_whatever_stands_in_a_file_of_the_tree_the_job_ends(tmp_path: Path, file: str) -> None:
    bench = Bench(tmp_path)

    @settings(max_examples=100, suppress_health_check=list(HealthCheck), deadline=None)
    @given(FORGERIES, st.booleans(), st.booleans())
    @example(write(lambda sound: {**sound, "counters": 5}), True, False)
    @example(write(lambda sound: {**sound, "counters": {"\ud800": {"a": 1}}}), True, False)
    @example(write(lambda sound: {**sound, "counters": {str(n): {"a": 1} for n in range(9000)}}), True, False)
    @example(write(lambda sound: without(sound, "version")), False, True)
    def draw(forgery: Callable[[Path], None], finished: bool, cancelled: bool) -> None:
        job = bench.admit()
        check(bench, job, forgery, file, finished, cancelled)
        shutil.rmtree(path_of(job.url))

    draw()
    bench.records.close()


def test_a_counter_that_is_no_number_leaves_lists_readable(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for file in ("report.json", "stage-0/map/commits/00000.json"):
        check(bench, bench.admit(), write(lambda sound: {**sound, "counters": 5}), file, finished=True, cancelled=False)
    bench.records.close()


def test_a_job_whose_tree_was_removed_can_be_cancelled(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    job = bench.admit()
    bench.reconcile(job)
    shutil.rmtree(path_of(job.url))
    path_of(job.url).write_text("a file where the tree was")
    bench.cancel(job)
    bench.reconcile(job, 2)
    assert bench.settle(job).state == "cancelled"
    assert conf_from_json(job.conf).id == job.id
    bench.records.close()
