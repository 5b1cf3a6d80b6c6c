"""Jobs in records against a model: any order of changes, stale ones too, leads where the model says or nowhere."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule
from pydantic import ValidationError

from fanfold_storage.records.sqlite import SqliteRecords
from fanfold_submit.job_ids import new_job_id
from fanfold_submit.jobs.job import IllegalChange, Job, State
from fanfold_submit.jobs.job_records import IdempotencyKey, JobAtRevision, JobRecords
from fanfold_submit.jobs.listed import VERSION
from fanfold_submit.queueing.limits import Limits
from fanfold_submit.queueing.parts import Queueing
from tests.submit_api.job_lists import OldJobRecords, wrong_lists

ORDER = ["queued", "dispatched", "running"]


@dataclass
class Model:
    """What a job must be."""

    owner: str
    output: str
    state: str = "queued"
    desired: str = "run"
    waits: bool = True
    closed: bool = False
    changes: int = 0
    runs: int = 1

    def may(self, state: str) -> bool:
        if self.state not in ORDER:
            return False
        if state not in ORDER:
            return (state == "cancelled") == (self.desired == "cancel")
        return ORDER.index(state) >= ORDER.index(self.state)


class Jobs(RuleBasedStateMachine):
    """Several processes hold copies of jobs, some of them stale."""

    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.records = SqliteRecords(Path(self.folder.name) / "records.db")
        self.jobs = JobRecords(self.records)
        self.models: dict[str, Model] = {}
        self.keys: dict[tuple[str, str], str] = {}
        self.seconds = 0.0
        self.seen: dict[str, tuple[int, int]] = {}

    def teardown(self) -> None:
        self.records.close()
        self.folder.cleanup()

    def now(self) -> float:
        self.seconds += 1
        return self.seconds

    @rule(target=held, owner=st.sampled_from("ab"), output=st.sampled_from("xyz"), key=st.sampled_from("kl"))
    def admit(self, owner: str, output: str, key: str) -> Any:
        job_id = new_job_id(self.now)
        submission = IdempotencyKey(owner, key, f"{owner}{output}")
        job = Job(
            id=job_id,
            name="n",
            owner=owner,
            owner_id=owner,
            state=State.QUEUED,
            engine="e",
            inputs=[],
            partitions=1,
            created="",
            conf={"output": output, "workers": {"all": 1}},
            url="",
        )
        taken = any(not model.closed and model.output == output for model in self.models.values())
        admitted = self.jobs.admit(job, submission)
        assert admitted == (not taken and (owner, key) not in self.keys)
        if admitted:
            self.models[job_id] = Model(owner, output)
            self.seen[job_id] = (1, 0)
            self.keys[owner, key] = job_id
        found = self.jobs.find(job_id)
        assert bool(found) == admitted
        return (found, 0) if found else multiple()

    @rule(target=held, copy=held)
    def read(self, copy: tuple[JobAtRevision, int]) -> tuple[JobAtRevision, int]:
        found = self.jobs.find(copy[0].job.id)
        model = self.models.get(copy[0].job.id)
        assert bool(found) == bool(model)
        return (found, model.changes) if found and model else copy

    @rule()
    def grant(self) -> None:
        """All that wait get their workers, since nothing limits them."""
        ledger = Queueing.over(self.records, Limits(), self.now).ledger
        ledger.load()
        granted = ledger.grant()
        assert sorted(granted) == sorted(job for job, model in self.models.items() if model.waits)
        for job in granted:
            self.models[job].waits = False

    @rule(copy=held, state=st.sampled_from([state.value for state in State]))
    def change(self, copy: tuple[JobAtRevision, int], state: str) -> None:
        held, seen = copy
        model = self.models.get(held.job.id)
        times = {"started": "2026-11-24T07:15:00.000Z", "finished": f"2026-11-24T07:{seen + 15}:00.000Z"}
        if model and model.waits:  # nobody takes its next step
            return
        try:
            after = held.job.changed(
                state=State(state), engine=f"e{self.now()}", **(times if State(state).final else {})
            )
        except IllegalChange:
            assert not model or seen != model.changes or not model.may(state)
            return
        changed = self.jobs.change(held, after)
        assert changed == bool(model and seen == model.changes)
        if model and changed:
            assert model.may(state)
            model.state = state
            model.changes += 1

    @rule(copy=held)
    def cancel(self, copy: tuple[JobAtRevision, int]) -> None:
        held, seen = copy
        model = self.models.get(held.job.id)
        if held.job.state.final or held.job.desired == "cancel":
            return
        changed = self.jobs.change(held, held.job.changed(desired="cancel"))
        assert changed == bool(model and seen == model.changes)
        if model and changed:
            model.desired = "cancel"
            model.waits = False
            model.changes += 1

    @rule(copy=held)
    def retry(self, copy: tuple[JobAtRevision, int]) -> None:
        held, seen = copy
        model = self.models.get(held.job.id)
        if held.job.state not in (State.FAILED, State.CANCELLED):
            with pytest.raises(IllegalChange):
                held.job.next_run("", resumed=True)
            return
        begun = self.jobs.begin_run(held, held.job.next_run("", resumed=True))
        taken = any(not other.closed and model and other.output == model.output for other in self.models.values())
        assert begun == bool(model and seen == model.changes and not taken)
        if model and begun:
            model.state, model.desired, model.waits, model.closed = "queued", "run", True, False
            model.runs += 1
            model.changes += 1

    @rule(copy=held)
    def close(self, copy: tuple[JobAtRevision, int]) -> None:
        """A replica that is late may close a job that runs again by now."""
        held, seen = copy
        model = self.models.get(held.job.id)
        if model and held.job.state.final:
            self.jobs.close(held)
            model.closed = model.closed or seen == model.changes

    @rule(copy=held)
    def remove(self, copy: tuple[JobAtRevision, int]) -> None:
        found = self.jobs.find(copy[0].job.id)
        model = self.models.get(copy[0].job.id)
        if found and model and model.closed:
            self.jobs.remove(found)
            del self.models[found.job.id]
            self.keys = {key: job for key, job in self.keys.items() if job != found.job.id}
            for owner, key in {(model.owner, key) for key in "kl"}:  # asking for a removed job's key frees it
                self.jobs.remembered(IdempotencyKey(owner, key, ""))

    @rule(copy=held, state=st.sampled_from([state.value for state in State]))
    def change_by_a_replica_from_before_the_lists(self, copy: tuple[JobAtRevision, int], state: str) -> None:
        found, model = self.jobs.find(copy[0].job.id), self.models.get(copy[0].job.id)
        if found and model and not model.waits and model.may(state):
            assert OldJobRecords(self.records).change(found, found.job.changed(state=State(state)))
            model.state = state
            model.changes += 1
            stored = self.jobs.find(found.job.id)
            assert stored and stored.job.lists != VERSION
            assert self.jobs.list_again(found.job.id) and not self.jobs.list_again(found.job.id)
            model.changes += 1

    @invariant()
    def every_job_is_in_its_lists_and_no_other(self) -> None:
        assert wrong_lists(self.records) == set()

    @invariant()
    def records_say_what_the_model_says(self) -> None:
        for job_id, model in self.models.items():
            found = self.jobs.find(job_id)
            assert found and (found.job.state, found.job.desired) == (model.state, model.desired)
            now = found.job.runs, found.job.state.rank
            assert found.job.runs == model.runs and now >= self.seen[job_id], "it only moves forward"
            self.seen[job_id] = now
        models = sorted(self.models.items())
        assert self.jobs.queue()[0] == [job for job, model in models if not model.waits and not model.closed]
        assert sorted(self.jobs.waiting()) == [job for job, model in models if model.waits]
        newest = sorted(self.models, reverse=True)
        assert [job.id for job in self.jobs.newest(None)] == newest
        for owner in "ab":
            own = [job for job in newest if self.models[job].owner == owner]
            assert [job.id for job in self.jobs.newest(owner)] == own
            if own:
                assert [job.id for job in self.jobs.newest(owner, own[0])] == own[1:]


TestJobs = Jobs.TestCase
TestJobs.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)


@pytest.mark.parametrize(
    "forged",
    [
        {"counters": 5}, {"counters": {"a": {"b": "many"}}}, {"stages": [{"index": 0}]}, {"workflow": {"name": []}},
        {"state": "odd"}, {"finished": 7}, {"error": "a text"}, {"fruitless": "often"},
    ],
    ids=str,
)  # fmt: skip
def test_what_no_field_may_have_is_not_stored(forged: dict[str, Any]) -> None:
    """It is refused when it is written: a record that can't be read would break every list."""
    job = Job(
        id="0" * 20, name="n", owner="a", owner_id="a", state=State.RUNNING, engine="e", inputs=[], partitions=1,
        created="", conf={}, url="",
    )  # fmt: skip
    with pytest.raises(ValidationError):
        job.changed(**forged)
