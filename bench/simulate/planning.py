"""Jobs of a terabyte and a petabyte as they are planned, and Workflows of many pods: arithmetic, nothing is run."""

import json
from pathlib import Path
from typing import Any

from bench.simulate.cluster import INPUT, OUTPUT, SPEC, TREE
from fanfold.engines.argo.pods import PodSettings
from fanfold.engines.argo.workflow import build
from fanfold.planning.demand import demand_of
from fanfold.planning.planner import PlannedJob
from fanfold.planning.sizing import Sizing, sizes_for
from fanfold_steps.inputs.listing import File
from fanfold_steps.job.spec import JobConf
from fanfold_steps.tree.job_tree import LARGEST
from fanfold_steps.tree.plan import PLAN_KEY, Plan
from fanfold_steps.tree.ways import ways_of

TB, PB, GIB = 10**12, 10**15, 1 << 30
JOBS = {
    "1 TB, as planned": (TB, Sizing()),
    "1 TB, 1,000 partitions": (TB, Sizing(partitions=1000)),
    "1 PB, as planned": (PB, Sizing()),
    "1 PB, splits of 1 GiB, 10,000 partitions": (PB, Sizing(partitions=10_000, split_size=GIB)),
}
MEASURED = Path(__file__).parents[1] / "results.json"
WORKERS = (50, 400, 1000)


def plans() -> dict[str, Any]:
    """Each job's sizes."""
    return {name: planned(total, sizing) for name, (total, sizing) in JOBS.items()}


def planned(total: int, sizing: Sizing) -> dict[str, Any]:
    """The sizes of a job that reads so many bytes."""
    sizes = sizes_for(total, demand_of(SPEC), sizing, "argo")
    plan = _plan(total, sizes.partitions, sizes.split_size)
    return {
        "bytes": total,
        "split_size": sizes.split_size,
        "tasks": plan.tasks[0],
        "plan_bytes": len(json.dumps(plan.to_json())),
        "most_plan_bytes": LARGEST[PLAN_KEY],
    }


def _plan(total: int, partitions: int, split_size: int) -> Plan:
    size = 128 * GIB
    files = [File(INPUT, f"{number:06d}.txt", min(size, total - number * size)) for number in range(-(-total // size))]
    return Plan.of(SPEC, ways_of(SPEC), files, _conf(partitions, split_size, {}))


def _conf(partitions: int, split_size: int, workers: dict[str, int]) -> JobConf:
    return JobConf("simulated", SPEC, [INPUT], OUTPUT, partitions, split_size, workers, "")


def workflows() -> dict[str, Any]:
    """The bytes of a job's Workflow in JSON, by the number of its map workers."""
    found = {}
    for count in WORKERS:
        conf = _conf(1000, GIB, {"split": 1, "map": count, "reduce": count})
        workflow = build(PlannedJob(conf, TREE, "bench"), PodSettings("fanfold", "fanfold-steps", s3_secret="s3"))
        found[str(count)] = {"pods": 2 * count + 1, "bytes": len(json.dumps(workflow.to_dict()))}
    return found


def pods() -> dict[str, Any]:
    """What was measured of pods, when the page was made."""
    found: dict[str, Any] = json.loads(MEASURED.read_text())["many-pods"]["pods"]
    return found
