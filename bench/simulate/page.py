"""docs/scale.md: what was simulated, and what it shows. Its prose is in `scale.template`; docs/scale.svg is drawn."""

from pathlib import Path
from typing import Any

from bench.page.plot import Panel, draw
from bench.simulate.bounds import LARGEST_UPLOAD, bounds
from bench.simulate.scenarios import AGGREGATION, CROWDS, SORT

TARGET = Path(__file__).parents[2] / "docs" / "scale.md"
TEMPLATE = Path(__file__).with_name("scale.template")
MB = 1_000_000
_UNITS = (("h", 3600), ("min", 60), ("s", 1))
Figures = dict[str, Any]
OTHERS = [
    ("[MapReduce][mapreduce], OSDI 2004", "a sort of 1 TB", 1e12, 891.0, 1800, "machines of two processors each"),
    ("[Exoshuffle][exoshuffle], 2023", "a sort of 100 TB", 100e12, 5378.0, 40, "i4i.4xlarge, files in S3"),
    (
        "[smallpond][smallpond], 2025",
        "a sort of 110.5 TiB",
        110.5 * 2**40,
        1814.0,
        50,
        "nodes of 192 cores, and 25 of 3FS",
    ),
]


def write(found: Figures) -> None:
    """Write the page and its picture."""
    TARGET.write_text(text(found))
    TARGET.with_suffix(".svg").write_text(picture(found["crowd"]))


def text(found: Figures) -> str:
    """The page."""
    filled = {
        "growth": _growth({**found["growth"], **found.get("vast", {})}),
        "crowd": _crowd(found["crowd"]),
        "trouble": _trouble(found["trouble"]),
        "plans": _plans(found["plans"]),
        "workflows": _workflows(found["workflows"]),
        "others": _others(found["trouble"]),
        "pods": _pods(found["pods"]),
    }
    whole = TEMPLATE.read_text()
    for name, section in filled.items():
        whole = whole.replace(f"{{{name}}}", section)
    return whole


def picture(found: Figures) -> str:
    """Seconds and requests by the number of workers, now and before."""
    now, before = ([found[f"{workers}{when}"] for workers in CROWDS] for when in ("", ", before"))
    names = [f"{run['workers']} workers" for run in now]

    def panel(title: str, unit: str, field: str) -> Panel:
        series = ([float(run[field]) for run in runs] for runs in (now, before))
        return Panel(f"{title} (dashed: before)", unit, names, range(len(names)), *series)

    panels = [panel("Until the report", "s", "seconds"), panel("Requests a task", "", "requests_per_task")]
    return draw("Time and requests of a job by the number of its workers", panels)


def _growth(found: Figures) -> str:
    rows = [
        [
            f"{run['bytes'] / 1e9:,.0f} GB",
            *(f"{run['tasks'].get(step, 0):,}" for step in ("map", "shuffle", "reduce")),
            f"{run['workers']:,}",
            *(f"{run['committed'][step]:,.0f}" for step in ("map", "reduce")),
            f"{run['seconds']:,.0f}",
            f"{run['idle']:.0%}",
            f"{run['requests_per_task']:.0f}",
            f"{run['requests_a_second']:,}",
            f"{run['most_in_a_second']:,}",
        ]
        for run in found.values()
    ]
    head = ["input", "maps", "shuffles", "reduces", "workers", "last map, s", "last commit, s", "report, s", "idle"]
    return _table([*head, "requests a task", "a second", "at most in one"], rows)


def _crowd(found: Figures) -> str:
    rows = []
    for workers in CROWDS:
        now, before = found[str(workers)], found[f"{workers}, before"]
        pairs = [(f"{run['seconds']:,.0f}", f"{run['requests']:,}", f"{run['duplicates']}") for run in (before, now)]
        rows.append([f"{now['workers']:,}", *(f"{old} → {new}" for old, new in zip(*pairs, strict=True))])
    return _table(["workers", "seconds", "requests", "attempts that didn't count"], rows)


def _trouble(found: Figures) -> str:
    whole = found["nothing"]["seconds"]
    rows = [
        [
            name,
            *(f"{run['committed'][step]:,.0f}" for step in ("map", "shuffle", "reduce")),
            f"{run['seconds']:,.0f}",
            f"{run['seconds'] / whole:.2f}×",
            f"{run['idle']:.0%}",
            f"{run['requests']:,}",
        ]
        for name, run in found.items()
    ]
    head = ["what happens", "last map, s", "last shuffle, s", "last reduce, s", "report, s", "", "idle", "requests"]
    return _table(head, rows)


def _plans(found: Figures) -> str:
    rows = []
    for name, plan in found.items():
        tasks = plan["tasks"]
        counts = " + ".join(f"{count:,}" for count in tasks.values())
        takes = [_takes(plan["bytes"], tasks, work) for work in (AGGREGATION, SORT)]
        rows.append([name, f"{plan['split_size'] >> 20:,} MiB", counts, f"{plan['plan_bytes'] / MB:.1f} MB", *takes])
    head = ["job", "split", "map + shuffle + reduce tasks", "plan.json", "an aggregation takes", "a sort takes"]
    return _table(head, rows)


def _takes(total: int, tasks: dict[str, int], work: Any) -> str:
    found = bounds(total, tasks, work)
    if found.largest > LARGEST_UPLOAD:
        return f"can't be: an object of {found.largest / 1e12:.2g} TB"
    steps = " + ".join(map(_duration, (found.map, found.shuffle, found.reduce)))
    return f"{steps}; requests {_duration(found.requests)}"


def _duration(hours: float) -> str:
    seconds = hours * 3600
    unit, length = next(((unit, length) for unit, length in _UNITS if seconds > 2 * length), _UNITS[-1])
    number = seconds / length
    return f"{number:.0f} {unit}" if number >= 10 else f"{number:.1f} {unit}"


def _workflows(found: Figures) -> str:
    rows = [
        [workers, f"{one['pods']:,}", f"{one['bytes']:,}", f"{(1_000_000 - one['bytes']) // one['pods']:,}"]
        for workers, one in found.items()
    ]
    return _table(["map workers", "pods", "bytes of the Workflow", "bytes left for each pod's status"], rows)


def _pods(found: Figures) -> str:
    pods, rate = found["pods"], found["fanfold"]
    one, fifty = 2001 / rate / 60, 2001 / rate / 50
    return "\n".join(
        [
            f"{pods} pods of one Workflow were measured ([performance.md](performance.md)): {rate} a second, on one",
            "node of two cores that has its control plane, too. At that rate, 2,001 pods start and end in",
            f"{one:.0f} minutes on one such node, and in {fifty:.0f} s on 50, as long as the control plane keeps up",
            f"with {rate * 50:.0f} pods a second.",
        ]
    )


def _others(found: Figures) -> str:
    rows = [
        [who, what, f"{seconds:,.0f}", f"{count:,} {machines}", f"{size / seconds / count / MB:,.1f}"]
        for who, what, size, seconds, count, machines in OTHERS
    ]
    run = next(run for name, run in found.items() if name.startswith("a sort"))
    what, rate = f"a sort of {run['bytes'] / 1e9:,.0f} GB", run["bytes"] / run["seconds"] / run["workers"] / MB
    ours = ["Fanfold, simulated", what, f"{run['seconds']:,.0f}", f"{run['workers']} workers of a core, files in S3"]
    return _table(["who", "what", "seconds", "on", "MB a second of each"], [*rows, [*ours, f"{rate:,.1f}"]])


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
