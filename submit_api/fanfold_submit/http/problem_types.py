"""How HTTP answers each refusal of submit_api: a row for each class."""

from collections.abc import Mapping

from fanfold_submit import refusals
from fanfold_submit.jobs.failures import JOB_REFUSED
from fanfold_submit.refusals import RangeNotSatisfiable
from fanfold_web.http.problem_types import SHARED, ProblemType
from fanfold_web.refusals import Refusal


def _content_range(refusal: RangeNotSatisfiable) -> Mapping[str, str]:
    return {"Content-Range": f"bytes */{refusal.size}"}


PROBLEM_TYPES: Mapping[type[Refusal], ProblemType] = {
    **SHARED,
    refusals.InvalidIdempotencyKey: ProblemType(400, "invalid-key", "Invalid idempotency key"),
    refusals.InvalidPath: ProblemType(400, "invalid-path", "Invalid path"),
    refusals.InvalidLogQuery: ProblemType(400, "invalid-log-query", "Invalid task or position"),
    refusals.NoSuchList: ProblemType(400, "no-such-list", "There is no such list"),
    refusals.PlaceNotAllowed: ProblemType(403, "place-not-allowed", "The place is not allowed"),
    refusals.ReachLost: ProblemType(403, "reach-lost", "The owner may not reach that any more"),
    refusals.WebhookNotAllowed: ProblemType(403, "webhook-not-allowed", "The webhook is not allowed"),
    refusals.NoSuchBundle: ProblemType(404, "no-such-bundle", "No such bundle"),
    refusals.NoSuchFile: ProblemType(404, "no-such-file", "No such file"),
    refusals.NoSuchJob: ProblemType(404, "no-such-job", "No such job"),
    refusals.NoSuchSchedule: ProblemType(404, "no-such-schedule", "No such schedule"),
    refusals.NoSuchOutput: ProblemType(404, "no-such-output", "No such output"),
    refusals.NothingQuarantined: ProblemType(404, "nothing-quarantined", "Nothing was quarantined"),
    refusals.ResultsRemoved: ProblemType(404, "results-removed", "The results were removed"),
    refusals.UploadStalled: ProblemType(408, "upload-stalled", "The upload stalled"),
    refusals.NotAdmitted: ProblemType(409, "not-admitted", "The job was started elsewhere"),
    refusals.InputChanged: ProblemType(409, "input-changed", "The input was changed"),
    refusals.NoWorkflow: ProblemType(409, "no-workflow", "No Workflow"),
    refusals.NotWaiting: ProblemType(409, "not-waiting", "The job doesn't wait"),
    refusals.JobActive: ProblemType(409, "job-active", "The job has not ended"),
    refusals.JobFinal: ProblemType(409, "job-final", "The job has ended"),
    refusals.NoResults: ProblemType(409, "no-results", "No results"),
    refusals.ResultsChanged: ProblemType(409, "results-changed", "The results were changed"),
    refusals.OutputExists: ProblemType(409, "output-exists", "The output exists"),
    refusals.OutputInUse: ProblemType(409, "output-in-use", "The output is being written"),
    refusals.OverQuota: ProblemType(413, "over-quota", "Over the limit on what is kept"),
    refusals.ScheduleExists: ProblemType(409, "schedule-exists", "The schedule exists"),
    refusals.TooManySchedules: ProblemType(409, "too-many-schedules", "Too many schedules"),
    refusals.NoDelegations: ProblemType(409, "no-delegations", "Nobody can act for the user"),
    refusals.DelegationEnded: ProblemType(409, "delegation-ended", "The owner may not submit jobs"),
    refusals.PreconditionFailed: ProblemType(412, "precondition-failed", "Precondition failed"),
    refusals.RangeNotSatisfiable: ProblemType(
        416, "range-not-satisfiable", "Range not satisfiable", headers=_content_range
    ),
    refusals.InvalidBundle: ProblemType(422, "invalid-bundle", "Invalid bundle"),
    refusals.InvalidParams: ProblemType(422, "invalid-params", "The parameters don't fit the job"),
    refusals.InvalidPlace: ProblemType(422, "invalid-place", "Invalid place"),
    refusals.InvalidSchedule: ProblemType(422, "invalid-schedule", "Invalid schedule"),
    refusals.InvalidSpec: ProblemType(422, "invalid-spec", "Invalid job spec"),
    refusals.JobRefused: JOB_REFUSED,
    refusals.KeyReused: ProblemType(422, "key-reused", "The key was used before"),
    refusals.PlaceRefused: ProblemType(422, "place-refused", "The place can't be used"),
    refusals.UnknownBundle: ProblemType(422, "unknown-bundle", "No such bundle"),
    refusals.UnknownJob: ProblemType(422, "unknown-job", "No such built-in job"),
    refusals.WrongHash: ProblemType(422, "wrong-hash", "The hash differs"),
    refusals.TooManyStreams: ProblemType(429, "too-many-streams", "Too many open streams"),
    refusals.AuthAway: ProblemType(503, "auth-away", "Auth service unavailable"),
    refusals.ReconcilerDead: ProblemType(503, "reconciler-dead", "The reconciler has stopped"),
}
