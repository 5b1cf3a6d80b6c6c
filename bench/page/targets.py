"""The targets: what each figure is measured against and, where it is missed, what limits it."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.page.bounds import (
    ADMISSION,
    COLUMNS,
    GRANTS,
    INDEX,
    JOIN,
    JSON_LINES,
    LARGER,
    LOGINS,
    MANY_LINES,
    PARQUET,
    PEERS,
    SPLITS,
)
from bench.page.figures import (
    Found,
    ahead,
    bend,
    held,
    median,
    ratio,
    share,
    slowest_page,
    slowest_question,
    slowing,
    small_job,
    swelling,
    swelling_in,
    swelling_over,
)


@dataclass(frozen=True, slots=True)
class Target:
    """One target. `bound` says, from a profile, what limits the figure; it is shown where the target is missed."""

    row: str
    work: str
    reach: str
    limit: float
    figure: Callable[[Found], float]
    unit: str = "×"
    at_least: bool = False
    bound: str = ""

    def reached(self, figure: float) -> bool:
        """Whether a measured figure is within the limit."""
        return figure >= self.limit if self.at_least else figure <= self.limit


WORDS = "word count, record API with combiner"
SMALL_JOB_IN_PODS = "a small job on the cluster, 4 map and 2 reduce pods"
STARTING = "process start to exit"


def _growth(row: str, what: str) -> list[Target]:
    return [
        Target(
            row,
            f"{what} of 1×, 4×, 16× the input",
            "each further byte costs the same within 15 %",
            15,
            bend,
            " %",
            bound=LARGER,
        ),
        Target(row, f"{what} in 10, 100, 1,000 splits", "the same time within 15 %", 15, slowing, " %", bound=SPLITS),
        Target(row, f"{what}, all of these", "memory flat (≤ 1.25× the least)", 1.25, swelling, bound=LARGER),
    ]


TARGETS = [
    Target(
        "words",
        WORDS,
        "≤ 1.1× a bare two-process script",
        1.1,
        ratio("fanfold", "bare"),
        bound="a profile (one worker) shows 84 % of the processor time in the generator, the dict and the reading of "
        "lines, which the bare script has as well. 11 % encodes, sorts and writes each word once per split that it "
        "occurs in, and 5 % merges and writes them: the price of splits that can be repeated. Starting, planning and "
        "committing take another half second.",
    ),
    Target("words", WORDS, "2× ahead of Dask", 2, ahead("fanfold", "dask"), at_least=True, bound=PEERS),
    Target("words", WORDS, "4× ahead of Spark RDD", 4, ahead("fanfold", "spark"), at_least=True, bound=PEERS),
    Target("words", WORDS, "15× ahead of mrjob", 15, ahead("fanfold", "mrjob"), at_least=True, bound=PEERS),
    Target(
        "words-columns",
        "word count, batch API",
        "≤ 1.2× the faster of Polars and DuckDB",
        1.2,
        ratio("batch", "polars", "duckdb"),
        bound=COLUMNS,
    ),
    Target(
        "words-columns",
        "word count, built in",
        "≤ 1.2× the faster of Polars and DuckDB",
        1.2,
        ratio("built-in", "polars", "duckdb"),
        bound=COLUMNS,
    ),
    Target(
        "sort",
        "sort, lines of text",
        "≤ 1.0× `LC_ALL=C sort --parallel=2`",
        1.0,
        ratio("fanfold", "sort"),
        bound="the figure includes starting Python, planning and committing, which take as long as an empty job (see "
        "its row); GNU sort has nothing of the kind to do.",
    ),
    Target("sort-memory", "sort in `--memory 256MiB`", "≤ 1.5× `sort -S 256M`", 1.5, ratio("fanfold", "sort")),
    Target(
        "sort-memory",
        "sort in `--memory 256MiB`",
        "all processes ≤ 1.25× that, not counting bare interpreters",
        1.25,
        held("fanfold"),
    ),
    Target(
        "index",
        "inverted index, record API",
        "≤ 1.2× a bare one-process script",
        1.2,
        ratio("fanfold", "bare"),
        bound=INDEX,
    ),
    Target(
        "index",
        "inverted index, record API",
        "8× ahead of Spark RDD",
        8,
        ahead("fanfold", "spark"),
        at_least=True,
        bound=INDEX,
    ),
    Target(
        "json",
        "aggregation of JSON lines, batch API",
        "≤ 1.3× DuckDB",
        1.3,
        ratio("batch", "duckdb"),
        bound=JSON_LINES,
    ),
    Target(
        "join",
        "join of two CSV files, built in",
        "≤ 1.5× DuckDB",
        1.5,
        ratio("fanfold", "duckdb"),
        bound=JOIN,
    ),
    Target(
        "join",
        "join of two CSV files, `--memory 1GiB`",
        "all processes ≤ 1.25× that, not counting bare interpreters",
        1.25,
        held("budget", 1 << 30),
    ),
    Target(
        "join-records",
        "join, record API",
        "3× ahead of Dask",
        3,
        ahead("fanfold", "dask"),
        at_least=True,
        bound=PEERS,
    ),
    Target(
        "join-records",
        "join, record API",
        "2× ahead of Spark RDD",
        2,
        ahead("fanfold", "spark"),
        at_least=True,
        bound=PEERS,
    ),
    Target(
        "parquet",
        "Parquet in, aggregation, Parquet out, batch API",
        "≤ 1.5× Polars",
        1.5,
        ratio("batch", "polars"),
        bound=PARQUET,
    ),
    Target(
        "stopping",
        "one of 2 workers stopped (SIGSTOP) in a job of 40 tasks",
        "≤ 1.5× one worker alone, the same bytes and counters",
        1.5,
        ratio("one of 2 stopped", "1 worker"),
    ),
    Target("starting", "an empty job, " + STARTING, "≤ 0.4 s", 0.4, lambda found: median(found, "empty job"), " s"),
    Target("starting", "`fanfold --help`", "≤ 0.25 s", 0.25, lambda found: median(found, "help"), " s"),
    Target(
        "starting",
        "importing all that a worker needs",
        "≤ 120 ms",
        120,
        lambda found: (median(found, "worker") - median(found, "python")) * 1000,
        " ms",
    ),
    Target(
        "tasks",
        "10,000 tiny tasks",
        "≤ 5 ms of a worker's time per task",
        5,
        lambda found: float(found["ms_per_task"]["10000"]),
        " ms",
    ),
    Target(
        "many-lines",
        "count of 12 million lines, 6 million different ones, in `--memory 256MiB`, batch API",
        "≤ 1.2× DuckDB with the same memory",
        1.2,
        ratio("batch", "duckdb"),
        bound=MANY_LINES,
    ),
    Target(
        "many-lines",
        "count of 12 million lines, 6 million different ones, in `--memory 256MiB`, batch API",
        "all processes ≤ 1.25× that, not counting bare interpreters",
        1.25,
        held("batch"),
    ),
    Target(
        "many-keys",
        "2 GB with 20 million distinct keys in `--memory 256MiB`",
        "all processes ≤ 1.25× that, not counting bare interpreters",
        1.25,
        held("fanfold"),
    ),
    Target(
        "services",
        "a job's status over HTTP",
        "≥ 50 % of an empty `def` route",
        50,
        share("status", "status", "sync"),
        " %",
        at_least=True,
    ),
    Target(
        "services",
        "submissions over HTTP",
        "≥ 50 % of the bare transactions",
        50,
        share("submissions", "submitted", "raw"),
        " %",
        at_least=True,
        bound=ADMISSION,
    ),
    Target(
        "services",
        "submissions over HTTP",
        "99 % of 100 a second within 50 ms",
        50,
        lambda found: float(found["offered"]["p99"]),
        " ms",
    ),
    Target(
        "services",
        "a list of 100 among 5,000 jobs over HTTP",
        "≤ 30 ms",
        30,
        lambda found: float(found["list"]["p50"]),
        " ms",
    ),
    Target("services", "5,000 jobs", "memory flat (≤ 1.15× that after 500)", 1.15, swelling_over("jobs")),
    Target("services", "5,000 logins", "memory flat (≤ 1.15× that after 500)", 1.15, swelling_over("logins")),
    Target(
        "logins",
        "logins over HTTP",
        "≥ 90 % of what argon2 alone does",
        90,
        share("logins", "login", "argon2"),
        " %",
        at_least=True,
        bound=LOGINS,
    ),
    Target(
        "logins",
        "refreshes over HTTP",
        "≥ 50 % of the bare transactions",
        50,
        share("grants", "refresh", "raw"),
        " %",
        at_least=True,
        bound=GRANTS,
    ),
    Target(
        "logins",
        "exchanges of codes over HTTP",
        "≥ 50 % of the bare transactions",
        50,
        share("grants", "code", "raw"),
        " %",
        at_least=True,
        bound=GRANTS,
    ),
    *(
        target
        for store in ("SQLite", "etcd")
        for target in (
            Target("lists", f"lists of 100,000 jobs in {store}", "each page ≤ 50 ms", 50, slowest_page(store), " ms"),
            Target(
                "lists",
                f"lists of 100,000 jobs in {store}",
                "memory flat (≤ 1.15× that with 1,000)",
                1.15,
                swelling_in(store),
            ),
        )
    ),
    Target("watching", "a job of 10,000 tasks", "a page of its tasks ≤ 50 ms", 50, slowest_question("tasks"), " ms"),
    Target("watching", "a job of 10,000 tasks", "its status ≤ 50 ms", 50, slowest_question("status"), " ms"),
    Target(
        "watching",
        "a job of 10,000 tasks",
        "≤ 3 events a second",
        3,
        lambda found: float(found["events"]["most_a_second"]),
        "",
    ),
    Target(
        "small-jobs", "a small job on the cluster, one pod", "≤ 2 s on a volume", 2, small_job("pvc", "one_pod"), " s"
    ),
    Target("small-jobs", "a small job on the cluster, one pod", "≤ 2 s in S3", 2, small_job("s3", "one_pod"), " s"),
    Target("small-jobs", SMALL_JOB_IN_PODS, "≤ 5 s on a volume", 5, small_job("pvc", "fanned_out"), " s"),
    Target("small-jobs", SMALL_JOB_IN_PODS, "≤ 6 s in S3", 6, small_job("s3", "fanned_out"), " s"),
    Target(
        "many-pods",
        "4 more tasks of 2 s in 4 pods",
        "≤ 1 s beyond those 2 s",
        1,
        lambda found: float(found["wave"]["beyond"]),
        " s",
    ),
    Target(
        "many-pods",
        "a fan-out of 200 pods",
        "≥ 80 % of the pods a second of Argo's own",
        80,
        lambda found: float(found["pods"]["ratio"] * 100),
        " %",
        at_least=True,
    ),
    *_growth("words-growth", "word count"),
    *_growth("sort-growth", "sort in `--memory 64MiB`"),
]
