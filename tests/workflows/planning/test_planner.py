import os
from typing import Any

import pytest

from fanfold import Job, Resources, Stage, Sum, builtin
from fanfold.engines.argo.workflow import PodSettings, build
from fanfold.errors import Refused
from fanfold.planning import planner
from fanfold.planning.planner import Places
from fanfold.planning.sizing import MOST_PODS, Sizing
from fanfold_steps.job.sizes import MIB
from fanfold_steps.job.spec import JobSpec
from fanfold_steps.memory.budget import budget_of
from fanfold_steps.worker.terms import threads_of
from tests.steps import functions


def places(folder):
    return Places([(folder / "in").as_uri()], (folder / "out").as_uri() + "/", (folder / "job").as_uri() + "/")


def plan(folder, sizing=None, engine="local", places_=None):
    return planner.plan(
        builtin.find("wordcount"),
        places_ or places(folder),
        sizing or Sizing(),
        job_id="j1",
        owner="bob",
        engine=engine,
    )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("a b\n")
    return tmp_path


def grow(folder, size):
    with (folder / "in" / "big").open("wb") as file:
        file.truncate(size)


def test_partitions_follow_from_the_input_alone(folder):
    grow(folder, 300 * MIB)
    few, many = plan(folder, Sizing(workers=1)), plan(folder, Sizing(workers=8), engine="argo")
    assert few.conf.partitions == many.conf.partitions == 3
    assert plan(folder, Sizing(partitions=7)).conf.partitions == 7


def test_a_small_job_is_one_pod_and_a_large_one_fans_out(folder):
    assert plan(folder, engine="argo").conf.workers == {"all": 1}
    assert plan(folder, Sizing(workers=4, partitions=2), engine="argo").conf.workers == {
        "split": 1,
        "map": 4,
        "reduce": 2,
    }
    grow(folder, 10_000 * MIB)
    workers = plan(folder, engine="argo").conf.workers
    assert workers["map"] == MOST_PODS
    assert sum(workers.values()) < 800


def test_a_job_without_a_reducer_has_no_pods_for_it(folder):
    grow(folder, 300 * MIB)
    spec = Job(map=functions.upper_list).spec()
    made = planner.plan(spec, places(folder), Sizing(workers=4), job_id="j1", owner="bob", engine="argo")
    assert made.conf.workers == {"split": 1, "map": 4}
    pods = PodSettings("fanfold", "image", claim="data", mount=str(folder))
    steps = build(made, pods).to_dict()["spec"]["templates"][0]["dag"]
    assert ([task["name"] for task in steps["tasks"]], steps["target"]) == (["map", "split"][::-1], "split map")


def test_pods_are_as_many_as_the_stage_with_most_partitions_has_use_for(folder):
    stages = [Stage(map=functions.pairs, reduce=Sum(), partitions=3), Stage(reduce=Sum())]
    made = planner.plan(
        Job(stages=stages).spec(), places(folder), Sizing(partitions=1, workers=8), job_id="j", owner="b", engine="argo"
    )
    assert made.conf.workers == {"split": 1, "map": 8, "reduce": 3}


def test_a_worker_has_several_splits_of_bounded_size(folder):
    assert plan(folder).conf.split_size == MIB
    grow(folder, 100 * MIB)
    assert plan(folder, Sizing(workers=2)).conf.split_size == pytest.approx(25 * MIB, rel=0.01)
    grow(folder, 10_000 * MIB)
    assert plan(folder, Sizing(workers=2)).conf.split_size == 64 * MIB


@pytest.mark.parametrize(
    ("sizing", "words"),
    [(Sizing(partitions=20_000), "between 1 and 10,000"), (Sizing(split_size=100), "at least 1 KiB")],
)
def test_sizes_out_of_range_are_refused(folder, sizing, words):
    with pytest.raises(Refused, match=words):
        plan(folder, sizing)


def test_an_input_that_is_not_there_is_refused(folder):
    nowhere = Places([(folder / "nowhere").as_uri()], "file:///none/", "file:///none/")
    with pytest.raises(Refused, match=r"nowhere doesn't exist"):
        plan(folder, places_=nowhere)


def test_an_empty_folder_is_refused(folder):
    (folder / "in" / "a.txt").unlink()
    with pytest.raises(Refused, match="folder without files"):
        plan(folder)


def test_the_output_of_an_unfinished_job_is_no_input(folder):
    (folder / "in" / "old" / "_job").mkdir(parents=True)
    (folder / "in" / "old" / "_job" / "job.json").write_text("{}")
    with pytest.raises(Refused, match=r"unfinished job \(old/_job/job.json\)"):
        plan(folder)


def test_an_output_that_exists_is_refused(folder):
    (folder / "out").mkdir()
    plan(folder)
    (folder / "out" / "part-00000.txt").write_text("x")
    with pytest.raises(Refused, match=r"already exists \(it contains part-00000.txt\)"):
        plan(folder)


def test_an_output_inside_the_input_is_refused(folder):
    inside = Places([(folder / "in").as_uri()], (folder / "in" / "out").as_uri() + "/", "file:///none/")
    with pytest.raises(Refused, match="lies in the input"):
        plan(folder, places_=inside)


def test_changed_input_makes_another_job(folder):
    before = plan(folder).conf.inputs_digest
    assert plan(folder).conf.inputs_digest == before
    (folder / "in" / "b.txt").write_text("more")
    assert plan(folder).conf.inputs_digest != before


def test_more_workers_than_there_can_be_are_refused(folder):
    with pytest.raises(Refused, match="workers must be between 1 and 64 on this engine, not 800"):
        plan(folder, Sizing(workers=800))


def test_memory_is_shared_out_and_too_little_is_refused(folder):
    conf = plan(folder, Sizing(workers=4, memory=256 * MIB)).conf
    assert budget_of(conf).share == 64 * MIB
    with pytest.raises(Refused, match="at least 64MiB for 4 workers"):
        plan(folder, Sizing(workers=4, memory=60 * MIB))


def test_without_a_word_about_memory_workers_share_half_of_the_machine(folder):
    shares = [budget_of(plan(folder, Sizing(workers=workers)).conf).share for workers in (1, 2)]
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert shares[0] == 2 * shares[1] <= machine // 2


def test_a_tree_takes_one_job(folder):
    first = plan(folder)
    planner.write(first)
    planner.write(first)
    with pytest.raises(Refused, match="belongs to another, unfinished job"):
        planner.write(plan(folder, Sizing(partitions=9)))


def test_the_fingerprint_changes_with_anything_in_the_configuration(folder):
    assert plan(folder).fingerprint == plan(folder).fingerprint
    assert plan(folder).fingerprint != plan(folder, Sizing(partitions=2)).fingerprint


def asking(**resources):
    return Job(map=functions.pairs, reduce=Sum(), resources=Resources(**resources)).spec()


def planned(spec, folder, sizing=None, engine="local"):
    return planner.plan(spec, places(folder), sizing or Sizing(), job_id="j", owner="b", engine=engine).conf


def test_on_one_machine_cores_and_memory_decide_how_many_run_at_once(folder, monkeypatch):
    monkeypatch.setattr("fanfold.planning.sizing.available_cores", lambda: 8)
    monkeypatch.setattr("fanfold.planning.sizing.available_memory", lambda: 16 << 30)
    cases: list[tuple[dict[str, Any], int]]
    cases = [({"cpu": 3}, 2), ({"cpu": 0.5}, 16), ({"cpu": 9}, 1), ({"memory": "4Gi"}, 4)]
    for asked, workers in cases:
        assert planned(asking(**asked), folder).workers == {"all": workers}, asked
    conf = planned(asking(memory="4Gi"), folder)
    assert budget_of(conf).share == 2 << 30  # as in a container of 4 GiB
    assert planned(asking(memory="4Gi", cpu=8), folder, Sizing(workers=3)).workers == {"all": 3}
    assert budget_of(planned(asking(memory="4Gi"), folder, Sizing(workers=2, memory=MIB * 64))).share == MIB * 32


def test_what_a_request_names_for_an_entry_counts_too(folder, monkeypatch):
    monkeypatch.setattr("fanfold.planning.sizing.available_cores", lambda: 8)
    spec = JobSpec(entry="job:job", resources=Resources(cpu=4, memory="1Gi"))
    conf = planned(spec, folder)
    assert (conf.workers, budget_of(conf).share) == ({"all": 2}, 512 << 20)
    assert threads_of(conf.spec) == 4
    assert planned(spec, folder, engine="argo").workers == {"all": 1}


def test_stages_that_differ_get_pods_of_their_own(folder):
    stages = [Stage(map=functions.pairs, reduce=Sum()), Stage(reduce=Sum()), Stage(reduce=Sum())]
    stages[1].resources = Resources(memory="4Gi")
    stages[2].resources = Resources(memory="4Gi")
    spec = Job(stages=stages).spec()
    assert planned(spec, folder, engine="argo").workers == {"stage-0": 1, "stage-1": 1}
    sizing = Sizing(workers=8, partitions=3)
    assert planned(spec, folder, sizing, "argo").workers == {"stage-0": 8, "stage-1": 3}
    assert planned(spec, folder, sizing).workers == {"all": 8}
