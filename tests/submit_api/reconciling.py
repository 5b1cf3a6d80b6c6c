"""A reconciler over real records and trees, with workers that do as they are told."""

from pathlib import Path
from typing import cast

from fanfold import builtin
from fanfold.planning import planner
from fanfold.planning.sizing import Sizing
from fanfold_storage.records import Records
from fanfold_storage.urls import open_objects, open_records, without_links
from fanfold_submit.job_ids import new_job_id
from fanfold_submit.jobs.job import Job, State
from fanfold_submit.jobs.job_records import JobRecords
from fanfold_submit.jobs.places import Places
from fanfold_submit.jobs.shared import SharedFolders
from fanfold_submit.queueing.limits import Limits
from fanfold_submit.queueing.parts import Queueing
from fanfold_submit.reconciling.reconciler import Reconciler
from fanfold_submit.runs.reach import Reach
from fanfold_submit.storing.accounts import ByteLimits
from fanfold_submit.storing.stored import StoredBytes
from fanfold_submit.tokens.delegations import Delegations
from fanfold_submit.tokens.standing import StandingDelegations
from fanfold_web.clock import timestamp
from tests.submit_api.engine import ScriptedEngine
from tests.submit_api.scheduling import Owners


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1_795_504_500.0

    def __call__(self) -> float:
        self.now += 0.01
        return self.now


class Bench:
    """A reconciler over real records and trees, and what is needed to observe it."""

    def __init__(self, folder: Path, records: Records | None = None, limits: Limits | None = None) -> None:
        self.records = records or open_records(f"sqlite://{folder}/records.db")
        self.jobs = JobRecords(self.records)
        self.engine = ScriptedEngine()
        self.clock = Clock()
        self.root = f"file://{folder}/data/"
        self.places = Places(self.root)
        objects = without_links(open_objects(self.root))
        self.owners = Owners()
        standing = StandingDelegations(self.records, cast(Delegations, self.owners))
        self.reach = Reach(standing, SharedFolders(self.records, objects))
        objects.put("files/ada/texts/a.txt", [b"a b a\n"])
        self.queueing = Queueing.over(self.records, limits or Limits(), self.clock)
        self.ledger = self.queueing.ledger
        self.stored = StoredBytes(self.records, ByteLimits())
        self.reconciler = self.replica()

    def replica(self, jobs: JobRecords | None = None) -> Reconciler:
        """Another reconciler, which has nothing in memory."""
        return Reconciler(jobs or self.jobs, self.engine, self.places, self.reach, self.queueing, self.stored)

    def restart(self) -> None:
        """As after a crash: nothing is left in memory."""
        self.reconciler = self.replica()

    def admit(self, output: str = "", *, granted: bool = True) -> Job:
        job_id = new_job_id(self.clock)
        url = f"{self.root}jobs/{job_id}/"
        places = planner.Places([f"{self.root}files/ada/texts/"], output or f"{url}output/", url)
        plan = planner.plan(builtin.find("wordcount"), places, Sizing(), job_id=job_id, owner="ada", engine="argo")
        job = Job(
            id=job_id,
            name="wordcount",
            owner="ada",
            owner_id="ada",
            state=State.QUEUED,
            engine="scripted",
            inputs=["files:texts/"],
            partitions=plan.conf.partitions,
            created=timestamp(self.clock()),
            conf=plan.conf.to_json(),
            url=url,
        )
        assert self.jobs.admit(job, None)
        if granted:
            self.queueing.waiting.add(job.entry)
            self.ledger.grant()
        return job

    def reconcile(self, job: Job, times: int = 1) -> Job:
        for _ in range(times):
            self.clock.now += 5
            self.reconciler._seen_active.clear()
            self.reconciler.reconcile(job.id)
        return self.job(job)

    def job(self, job: Job) -> Job:
        current = self.jobs.find(job.id)
        assert current
        return current.job

    def cancel(self, job: Job) -> None:
        current = self.jobs.find(job.id)
        assert current and self.jobs.change(current, current.job.changed(desired="cancel"))

    def settle(self, job: Job) -> Job:
        """Reconcile until there is nothing left to do."""
        for _ in range(30):
            self.clock.now += 5
            if self.reconciler.reconcile(job.id) is None:
                return self.job(job)
        raise AssertionError(f"never settled: {self.job(job)}")
