"""Why submit_api says no, beside the refusals that all services share. No HTTP here: see `http.problem_types` for that.

Refusal
├── InvalidIdempotencyKey, InvalidPath, InvalidLogQuery    a name outside the allowed form
├── NoSuchList                                             filters and an order that no list of jobs has
├── PlaceNotAllowed, WebhookNotAllowed                     a place or a URL outside what this caller may use
├── NoSuchBundle, NoSuchFile, NoSuchJob, NoSuchOutput,
│   NoSuchSchedule                                         nothing of the caller's has that name
├── PreconditionFailed                                     what is stored is not what the request expects
├── NothingQuarantined                                     the job has no such bad records
├── NoResults, ResultsRemoved, ResultsChanged              the job has no results, or has them no longer
├── JobActive, JobFinal                                    the job has not ended, or has ended and cannot change
├── NotAdmitted                                            the job was started by its Workflow
├── InputChanged                                           the job's input isn't what it was submitted for
├── NoWorkflow                                             the job has no Workflow to show
├── NotWaiting                                             the job has its workers, or has ended
├── UploadStalled, InvalidBundle, WrongHash                a body that is not stored
├── OverQuota                                              more bytes than the operator lets a user keep
├── RangeNotSatisfiable                                    a range outside the content
├── InvalidParams, InvalidPlace, InvalidSpec, JobRefused,
│   PlaceRefused, UnknownBundle, UnknownJob                a job that cannot run as requested
├── KeyReused                                              an idempotency key sent with another request
├── OutputExists, OutputInUse                              an output that is not free
├── InvalidSchedule, ScheduleExists, TooManySchedules      a schedule that can't be had
├── NoDelegations, DelegationEnded                         nobody may act for the schedule's owner
└── AuthAway, ReconcilerDead, TooManyStreams               the service cannot work at the moment
"""

from fanfold_web.refusals import Refusal


class InvalidIdempotencyKey(Refusal):
    """An idempotency key outside the allowed form."""

    example = "An Idempotency-Key has 1 to 255 visible ASCII characters. Send a shorter or plainer one."


class InvalidPath(Refusal):
    """A path of a file outside the allowed form."""

    example = "'@ada/texts/' is not a path: start it with @shared/ or, for your own files, without an @."


class InvalidLogQuery(Refusal):
    """A task or a position that no log has."""

    example = "'map12' is not a task: write map/12, or 1/map/12 for a task of stage 1."


class TooManyStreams(Refusal):
    """The caller, or all callers, have as many open streams as the service allows."""

    example = "You have 8 streams open, as many as this service allows. Close one, or try again."
    retry_after = 15.0  # longer than a client waits that can do without


class NoSuchList(Refusal):
    """Filters and an order for which there is no list of jobs."""

    example = (
        "Jobs are listed by duration, or from the oldest, for one owner and without filters; since and until go with "
        "sort=oldest. Leave out sort, or the filters."
    )


class PlaceNotAllowed(Refusal):
    """A place that jobs may not use here."""

    example = "s3://other/ is not among the S3 places that jobs may use here (none). Upload the data instead."


class NoSuchBundle(Refusal):
    """No bundle has that hash."""

    example = "There is no bundle 5a…. Upload it first with PUT /v1/bundles/5a…."


class NoSuchFile(Refusal):
    """No file has that path."""

    example = "There is no file 'texts/a.txt'. List what there is with GET /v1/files."


class NoSuchJob(Refusal):
    """No job of the caller's has that id."""

    example = "There is no job '000m3k2v8q1x7f9a2b4c' of yours. List yours with GET /v1/jobs."


class NoSuchOutput(Refusal):
    """The job has no output of that name."""

    example = "Job 000m3k2v8q1x7f9a2b4c has no output 'errors'; leave `output` out."


class PreconditionFailed(Refusal):
    """If-Match or If-None-Match doesn't hold."""

    example = 'If-Match asks for "1f-6", but the current ETag is "20-7". Read it again.'


class ResultsChanged(Refusal):
    """A job's output isn't what the job wrote any more."""

    example = "part-00000.txt of the output files:counts/ was changed after the job had ended. Submit the job again."


class ResultsRemoved(Refusal):
    """The job succeeded, but its output is gone."""

    example = "The output of job 000m3k2v8q1x7f9a2b4c (files:counts/) was removed. Submit the job again."


class OverQuota(Refusal):
    """More bytes than the operator lets this user, their group, or all users keep."""

    example = (
        "You keep 10,000 bytes of files and results, of 10,000. Remove files (DELETE /v1/files/PATH) or jobs (DELETE "
        "/v1/jobs/ID), or ask an administrator."
    )


class UploadStalled(Refusal):
    """The sender of an upload fell silent."""

    example = "Less than 64 KiB arrived in 60 s. Nothing was written; send it again."


class JobActive(Refusal):
    """The job has not ended, so it cannot be removed."""

    example = "Job 000m3k2v8q1x7f9a2b4c is running. Cancel it first, or wait until it has ended."


class JobFinal(Refusal):
    """The job has ended, so it cannot change."""

    example = "Job 000m3k2v8q1x7f9a2b4c has succeeded already, so it cannot be cancelled."


class NotAdmitted(Refusal):
    """A Workflow has started the job, not this service, so only the Workflow can be stopped."""

    example = "Job 0midc1z408q1x7f9a2b4 was started by its Workflow. Stop that: argo stop -n team visits-x7k2p"


class InputChanged(Refusal):
    """The job's input isn't what it was submitted for, so what it has done doesn't go with the rest."""

    example = (
        "The input of job 000m3k2v8q1x7f9a2b4c was changed after it was submitted, so committed tasks don't count for "
        "it. Retry the job anew."
    )


class NoWorkflow(Refusal):
    """The job has no Workflow to show."""

    example = "Job 000m3k2v8q1x7f9a2b4c has no Workflow: this service runs jobs as processes on its own machine."


class NothingQuarantined(Refusal):
    """The job has quarantined nothing of that kind."""

    example = "Job 000m3k2v8q1x7f9a2b4c has quarantined no records that can be read again."


class NotWaiting(Refusal):
    """The job doesn't wait for workers."""

    example = "Job 000m3k2v8q1x7f9a2b4c is running and waits for no workers, so a priority has no effect."


class NoResults(Refusal):
    """The job has not succeeded."""

    example = "Job 000m3k2v8q1x7f9a2b4c is running, so it has no results yet. Wait until it has succeeded."


class OutputExists(Refusal):
    """Fanfold does not write to an existing output folder."""

    example = "The output files:counts/ already exists (it contains part-00000.txt): remove it or choose another"


class OutputInUse(Refusal):
    """Another job is writing this output."""

    example = (
        "files:counts/ is being written by your job 000m3k2v8q1x7f9a2b4c. Wait for it to end, cancel it, or choose "
        "another output."
    )


class RangeNotSatisfiable(Refusal):
    """A range outside the content, which has `size` bytes."""

    example = "The range 'bytes=9-' is outside the content, which has 5 bytes. Ask for an earlier range."

    def __init__(self, detail: str = "", *, size: int = 0) -> None:
        super().__init__(detail)
        self.size = size


class InvalidBundle(Refusal):
    """A bundle that is not a zip Fanfold can unpack safely."""

    example = "The zip holds 'a.py' encrypted. Zip it without a password. Nothing was stored."


class InvalidParams(Refusal):
    """Parameters that do not fit the job."""

    example = "This job takes no parameters, but 'least' was given: leave it out."


class InvalidPlace(Refusal):
    """A text that is not a place."""

    example = "'/etc/' is not a place: write files:PATH for files in this service, or s3://BUCKET/PATH."


class InvalidSpec(Refusal):
    """A job's spec that contradicts itself or the rules."""

    example = "stages.0.map: write {'function': 'module:name'}, not 7"


class JobRefused(Refusal):
    """A job that cannot run on these inputs."""

    example = "The input files:texts/ doesn't exist, or is a folder without files: check the path."


class KeyReused(Refusal):
    """An idempotency key that was sent with another request before."""

    example = (
        "This Idempotency-Key was used before with a different request, for job 000m3k2v8q1x7f9a2b4c. Use a new key."
    )


class PlaceRefused(Refusal):
    """A place that the store does not let the service use."""

    example = "Files:texts/a is a folder, so it cannot also be an object."


class UnknownBundle(Refusal):
    """The job's bundle was not uploaded."""

    example = "There is no bundle 5a…. Upload it first with PUT /v1/bundles/5a…."


class UnknownJob(Refusal):
    """No built-in job has that name."""

    example = "there is no built-in job 'count': choose one of distinct, grep, index, join, sort, topk, wordcount"


class WrongHash(Refusal):
    """A bundle whose bytes do not have the hash in its name."""

    example = "The body's SHA-256 is 5a…, not 7c…. Nothing was stored; send it again."


class WebhookNotAllowed(Refusal):
    """A webhook that isn't on the operator's list."""

    example = (
        "https://example.org:443 is not on the operator's list of webhooks (none): ask them to add it to "
        "FANFOLD_SUBMIT_WEBHOOKS, or leave `notify` out."
    )


class NoSuchSchedule(Refusal):
    """No schedule of the caller's has that name."""

    example = "There is no schedule 'nightly' of yours. List yours with GET /v1/schedules."


class InvalidSchedule(Refusal):
    """A schedule that is never due, too often, or whose jobs would stand in each other's way."""

    example = "'0 25 * * *' is not a cron expression: Bad hour."


class ScheduleExists(Refusal):
    """The caller has another schedule of that name."""

    example = "You have another schedule 'nightly' already: remove it first, or choose another name."


class TooManySchedules(Refusal):
    """The caller has as many schedules as each user may have."""

    example = "You have 50 schedules, the most that each user may have."


class NoDelegations(Refusal):
    """The issuer of the tokens here lets no service act for its users."""

    example = (
        "The issuer of the tokens here isn't Fanfold's auth service, so there are no schedules, and no jobs for teams."
    )


class DelegationEnded(Refusal):
    """The owner of a schedule may not submit jobs any more, or has revoked its delegation."""

    example = "The delegation is unknown or was revoked, or its user was removed."


class ReachLost(Refusal):
    """The owner of a job may not reach any more what the job was admitted for."""

    example = "'ada' isn't in the group 'analysts' any more, so the job may not reach files of that team."


class AuthAway(Refusal):
    """The auth service does not answer, and its keys are not known."""

    example = "The auth service does not answer, so tokens cannot be verified. Try again shortly."
    retry_after = 2.0


class ReconcilerDead(Refusal):
    """The threads that run jobs have ended."""

    example = "The reconciler has stopped. Restart this process."
