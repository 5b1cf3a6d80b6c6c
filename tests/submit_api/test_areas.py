"""What a job's code may reach of all that the service keeps: never what is another user's."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfold.planning.areas import Area, minimal
from fanfold_steps.job.dependencies import Dependencies, Wheel
from fanfold_submit.jobs.places import Places
from tests.workflows.engines.test_workflow import FAN_OUT, plan_of

ROOTS = {"file:///data/": "file:///data/files/%40shared/", "s3://fanfold/": "s3://fanfold/files/@shared/"}
LAKE = "s3://lake/"


@pytest.mark.parametrize("root", ROOTS)
def test_the_owners_files_the_shared_ones_the_tree_and_the_code(root: str) -> None:
    plan = plan_of(FAN_OUT, root.rstrip("/"))
    plan = replace(plan, conf=replace(plan.conf, bundle_url=f"{root}bundles/{'b' * 64}.zip"))
    assert Places(root).areas(plan, "ann") == (
        Area(f"{root}bundles/{'b' * 64}.zip"),
        Area(ROOTS[root]),
        Area(f"{root}files/ann/", is_writable=True),
        Area(plan.job_url, is_writable=True),
    )


@pytest.mark.parametrize("root", ROOTS)
def test_the_wheels_that_the_job_names_and_no_others(root: str) -> None:
    plan = plan_of(FAN_OUT, root.rstrip("/"))
    wheels = [Wheel(f"x-{digit}-py3-none-any.whl", digit * 64, 1) for digit in "ab"]
    spec = replace(plan.conf.spec, dependencies=Dependencies("3.13", "linux", wheels))
    plan = replace(plan, conf=replace(plan.conf, spec=spec, wheels_url=f"{root}bundles/"))
    found = [area for area in Places(root).areas(plan, "ann") if "bundles" in area.url]
    assert found == [Area(f"{root}bundles/{'a' * 64}"), Area(f"{root}bundles/{'b' * 64}")]


def test_what_an_admin_writes_for_all_is_writable_alone() -> None:
    plan, shared = plan_of(FAN_OUT), ROOTS["file:///data/"]
    plan = replace(plan, conf=replace(plan.conf, output=f"{shared}counts/"))
    found = [area for area in Places("file:///data/").areas(plan, "ann") if area.url.startswith(shared)]
    assert found == [Area(shared), Area(f"{shared}counts/", is_writable=True)]


@pytest.mark.parametrize(
    ("place", "read"),
    [
        ("s3://lake/logs/", ["s3://lake/logs/"]),
        ("s3://lake/logs", ["s3://lake/logs", "s3://lake/logs/"]),
        ("s3://lake/logs/2026-*/a.txt", ["s3://lake/logs/"]),
    ],
)
def test_places_in_s3_are_read_as_far_as_they_are_named(place: str, read: list[str]) -> None:
    plan = plan_of(FAN_OUT)
    plan = replace(plan, conf=replace(plan.conf, inputs=[place], output="s3://lake/counts/"))
    found = [area for area in Places("file:///data/", (LAKE,)).areas(plan, "ann") if area.url.startswith(LAKE)]
    assert found == [Area("s3://lake/counts/", is_writable=True), *map(Area, read)]


URLS = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(lambda names: "s3://b/" + "/".join(names))
AREAS = st.builds(Area, URLS | URLS.map(lambda url: f"{url}/"), st.booleans())


def reaches(areas: tuple[Area, ...], url: str, *, write: bool) -> bool:
    return any(
        (area.is_writable or not write) and (url.startswith(area.url) if area.url.endswith("/") else url == area.url)
        for area in areas
    )


@given(st.lists(AREAS, max_size=6), URLS, st.booleans())
def test_the_fewest_areas_reach_the_same(areas: list[Area], url: str, write: bool) -> None:
    assert reaches(minimal(areas), url, write=write) == reaches(tuple(areas), url, write=write)
