"""Admitting a job: check, plan, and remember it in one transaction. Running it is the reconciler's part."""

import re
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Header, Response

from fanfold import builtin, params, planner, spec
from fanfold.planner import OutputTaken, PlannedJob, Refused, Sizing
from fanfold_steps.spec import Inputs, JobSpec
from fanfold_storage.errors import InvalidKey, NotFound, PermissionDenied
from fanfold_submit import kinds
from fanfold_submit.access import Caller, Submitter
from fanfold_submit.jobs import Job, JobView, State
from fanfold_submit.places import bundle_key
from fanfold_submit.problems import Problem, refusals
from fanfold_submit.register import Submission, new_job_id
from fanfold_submit.request import Builtin, Entry, JobRequest, Spec, checked_name
from fanfold_submit.service import Service, Wired
from fanfold_web.clock import timestamp
from fanfold_web.kinds import BAD_REQUEST, CONTENDED, INVALID, TOO_LARGE, Kind

router = APIRouter(tags=["jobs"])
_REFUSALS = (
    BAD_REQUEST, kinds.INVALID_KEY, kinds.INVALID_PATH, kinds.PLACE_NOT_ALLOWED, kinds.OUTPUT_EXISTS,
    kinds.OUTPUT_IN_USE, TOO_LARGE, INVALID, kinds.INVALID_PLACE, kinds.INVALID_PARAMS, kinds.INVALID_SPEC,
    kinds.JOB_REFUSED, kinds.KEY_REUSED, kinds.PLACE_REFUSED, kinds.UNKNOWN_BUNDLE,
    kinds.UNKNOWN_JOB, CONTENDED,
)  # fmt: skip
_TRIES = 5
LARGEST_RECORD = 900 << 10  # bytes; a store of records holds 1 MiB under a key
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@router.post(
    "/v1/jobs",
    status_code=202,
    response_model=JobView,
    responses={
        200: {"model": JobView, "description": "This key was sent before: the job it led to"},
        **refusals(*_REFUSALS),
    },
)
def submit(
    body: JobRequest,
    caller: Submitter,
    service: Wired,
    response: Response,
    idempotency_key: Annotated[str | None, Header(description="The same key again gives the same job")] = None,
) -> JobView:
    """Submit a job. Once this is answered the job will run to a final state, once, whatever crashes."""
    submission = _submission(caller, idempotency_key, body)
    earlier = _earlier(service, submission)
    job, is_new = (earlier, False) if earlier else _admit(service, caller, body, submission)
    response.status_code = 202 if is_new else 200
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return job.view()


def _admit(service: Service, caller: Caller, body: JobRequest, submission: Submission | None) -> tuple[Job, bool]:
    """The job, and whether it is new: another request with the same key may be faster."""
    for _ in range(_TRIES):
        try:
            job = _prepare(service, caller, body)
        except Problem:
            # What stands in the way may be the job that this very key led to a moment ago.
            if earlier := _earlier(service, submission):
                return earlier, False
            raise
        if service.jobs.admit(job, submission):
            service.reconciler.look_at(job.id)
            return job, True
        if earlier := _earlier(service, submission):
            return earlier, False
        if writer := service.jobs.writer_of(job):
            raise Problem(kinds.OUTPUT_IN_USE, _in_use(service, caller, job, writer))
    raise Problem(CONTENDED, "Others kept changing the same records. Try again.", headers={"Retry-After": "1"})


def _prepare(service: Service, caller: Caller, body: JobRequest) -> Job:
    """Everything that can be refused is refused here; nothing is written."""
    job_spec = _spec(service, body.job)
    _check_params(body, job_spec)
    job_spec = replace(job_spec, name=body.name or _name(body, job_spec))
    job_id = new_job_id(service.now)
    plan = _plan(service, caller, body, job_spec, job_id)
    job = Job(
        id=job_id,
        name=job_spec.name,
        owner=caller.name,
        state=State.QUEUED,
        engine=service.engine.name,
        inputs=body.inputs,
        output=body.output,
        partitions=plan.conf.partitions,
        created=timestamp(service.now()),
        conf=plan.conf.to_json(),
        url=plan.job_url,
    )
    if len(job.model_dump_json().encode()) > LARGEST_RECORD:
        raise Problem(TOO_LARGE, "The job is too large to be remembered: name folders instead of single files.")
    return job


def _plan(service: Service, caller: Caller, body: JobRequest, job_spec: JobSpec, job_id: str) -> PlannedJob:
    url = service.places.job_url(job_id)
    places = planner.Places(
        inputs=_urls(service, caller, body.inputs),
        output=service.places.url(body.output, caller, write=True) if body.output is not None else f"{url}output/",
        job=url,
        bundle=service.places.bundle_url(job_spec.bundle) if job_spec.bundle else None,
    )
    sizing = Sizing(body.partitions, body.split_size, body.workers)
    try:
        plan = planner.plan(job_spec, places, sizing, job_id=job_id, owner=caller.name, engine=service.engine.name)
        return replace(plan, conf=replace(plan.conf, params=body.params))
    except (Refused, PermissionDenied, InvalidKey) as error:
        told = service.places.told(str(error), caller.name)
        raise Problem(_kind_of(error), told[:1].upper() + told[1:]) from None


def _check_params(body: JobRequest, job_spec: JobSpec) -> None:
    """As far as it can be told without a user's code, which no service imports: the first worker looks at the rest."""
    try:
        if isinstance(body.job, Builtin):
            params.check(builtin.load(body.job.builtin).params, body.params)
        elif isinstance(body.job, Spec) and job_spec.stages and not job_spec.params:
            params.check(None, body.params)
    except Refused as error:
        raise Problem(kinds.INVALID_PARAMS, f"{str(error)[:1].upper()}{str(error)[1:]}.") from None


def _urls(service: Service, caller: Caller, inputs: Inputs) -> Inputs:
    if isinstance(inputs, dict):
        return {name: [service.places.url(place, caller) for place in places] for name, places in inputs.items()}
    return [service.places.url(place, caller) for place in inputs]


def _kind_of(error: Exception) -> Kind:
    if isinstance(error, OutputTaken):
        return kinds.OUTPUT_EXISTS
    return kinds.JOB_REFUSED if isinstance(error, Refused) else kinds.PLACE_REFUSED


def _spec(service: Service, job: Builtin | Entry | Spec) -> JobSpec:
    try:
        if isinstance(job, Builtin):
            return builtin.find(job.builtin)
        found = spec.parse({"bundle": job.bundle, "entry": job.entry} if isinstance(job, Entry) else job.spec)
    except builtin.UnknownJob as error:
        raise Problem(kinds.UNKNOWN_JOB, str(error)) from None
    except spec.InvalidSpec as error:
        raise Problem(kinds.INVALID_SPEC, str(error)) from None
    if found.bundle is not None:
        _demand_bundle(service, found.bundle)
    return found


def _demand_bundle(service: Service, sha256: str) -> None:
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise Problem(kinds.INVALID_SPEC, f"the spec's bundle is the SHA-256 of a zip in hex, not {sha256[:80]!r}")
    try:
        service.objects.stat(bundle_key(sha256))
    except NotFound:
        detail = f"There is no bundle {sha256}: upload it first with PUT /v1/bundles/{sha256}."
        raise Problem(kinds.UNKNOWN_BUNDLE, detail) from None


def _submission(caller: Caller, header: str | None, body: JobRequest) -> Submission | None:
    if header is None:
        return None
    quoted = len(header) >= 2 and header[0] == header[-1] == '"'  # the standard writes it as a quoted string
    key = header[1:-1] if quoted else header
    if not _KEY.fullmatch(key):
        raise Problem(kinds.INVALID_KEY, kinds.INVALID_KEY.example)
    return Submission(caller.name, key, body.fingerprint())


def _earlier(service: Service, submission: Submission | None) -> Job | None:
    """The job that this key led to before. Raises Problem when it was sent with another request."""
    remembered = service.jobs.remembered(submission) if submission else None
    if not submission or not remembered:
        return None
    job, fingerprint = remembered
    if fingerprint != submission.fingerprint:
        detail = f"This Idempotency-Key was used before with another request, for job {job.id}. Use a new key."
        raise Problem(kinds.KEY_REUSED, detail)
    return job


def _name(body: JobRequest, job_spec: JobSpec) -> str:
    if isinstance(body.job, Builtin):
        return body.job.builtin
    if isinstance(body.job, Entry):
        return body.job.entry.partition(":")[0]
    try:
        return checked_name(job_spec.name)
    except ValueError as error:
        raise Problem(kinds.INVALID_SPEC, f"name: {error}") from None


def _in_use(service: Service, caller: Caller, job: Job, writer: str) -> str:
    held = service.jobs.find(writer)
    who = f"your job {writer}" if held and held.job.owner == caller.name else "another user's job"
    if held and held.job.state.final:
        return f"{job.output} is not free yet: the workers of {who} are leaving. Try again in a moment."
    return f"{job.output} is being written by {who}: wait for its end, cancel it or choose another output."
