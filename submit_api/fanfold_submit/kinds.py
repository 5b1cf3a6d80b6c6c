"""The kinds of problems that submit_api answers beside those of every service, and those that a job may end with."""

from fanfold_web.kinds import Kind

INVALID_CURSOR = Kind(
    400, "invalid-cursor", "Not a cursor", "This cursor is not one that a page ended with: leave it out to begin anew."
)
INVALID_KEY = Kind(
    400,
    "invalid-key",
    "Not an idempotency key",
    "An Idempotency-Key has 1 to 255 visible ASCII characters: send a shorter or plainer one.",
)
INVALID_PATH = Kind(
    400,
    "invalid-path",
    "Not a path",
    "'@ada/texts/' is in no area: paths begin with @shared/ or, for your own files, without an @.",
)
PLACE_NOT_ALLOWED = Kind(
    403,
    "place-not-allowed",
    "The place is not allowed",
    "s3://other/ is not among the S3 places that jobs may use here (none). Upload the data instead.",
)
NO_SUCH_BUNDLE = Kind(
    404, "no-such-bundle", "No such bundle", "There is no bundle 5a…: upload it first with PUT /v1/bundles/5a…."
)
NO_SUCH_FILE = Kind(
    404, "no-such-file", "No such file", "There is no file 'texts/a.txt'. List what there is with GET /v1/files."
)
NO_SUCH_JOB = Kind(
    404,
    "no-such-job",
    "No such job",
    "There is no job '000m3k2v8q1x7f9a2b4c' of yours. List yours with GET /v1/jobs.",
)
NO_SUCH_OUTPUT = Kind(
    404,
    "no-such-output",
    "No such output",
    "Job 000m3k2v8q1x7f9a2b4c has no output 'errors'; leave `output` out.",
)
RESULTS_REMOVED = Kind(
    404,
    "results-removed",
    "The results were removed",
    "The output of job 000m3k2v8q1x7f9a2b4c (files:counts/) was removed: submit the job anew.",
)
UPLOAD_STALLED = Kind(
    408, "upload-stalled", "The upload stalled", "No byte came for 60 s. Nothing was written: send it again."
)
JOB_FINAL = Kind(
    409,
    "job-final",
    "The job is over",
    "Job 000m3k2v8q1x7f9a2b4c has succeeded already: there is nothing to cancel.",
)
NO_RESULTS = Kind(
    409,
    "no-results",
    "No results",
    "Job 000m3k2v8q1x7f9a2b4c is running and has no results yet: only a job that succeeded has them.",
)
OUTPUT_EXISTS = Kind(
    409,
    "output-exists",
    "The output exists",
    "The output files:counts/ exists already (it holds part-00000.txt): remove it or choose another.",
)
OUTPUT_IN_USE = Kind(
    409,
    "output-in-use",
    "The output is being written",
    "files:counts/ is being written by your job 000m3k2v8q1x7f9a2b4c: wait for its end, cancel it or choose another "
    "output.",
)
RANGE_NOT_SATISFIABLE = Kind(
    416,
    "range-not-satisfiable",
    "Range not satisfiable",
    "The range 'bytes=9-' lies outside of the 5 bytes there are: ask for less.",
)
INVALID_BUNDLE = Kind(
    422,
    "invalid-bundle",
    "Not a bundle",
    "The zip holds 'a.py' encrypted. Zip it without a password. Nothing was stored.",
)
INVALID_PARAMS = Kind(
    422,
    "invalid-params",
    "The parameters don't fit the job",
    "This job takes no parameters, but 'least' was given: leave it out.",
)
INVALID_PLACE = Kind(
    422,
    "invalid-place",
    "Not a place",
    "'/etc/' is no place: write files:PATH for files in this service, or s3://BUCKET/PATH.",
)
INVALID_SPEC = Kind(422, "invalid-spec", "Not a job's spec", "stages.0.map: write {'function': 'module:name'}, not 7")
JOB_REFUSED = Kind(
    422,
    "job-refused",
    "The job can't run as asked",
    "The input files:texts/ doesn't exist, or is a folder without files: check the path.",
)
KEY_REUSED = Kind(
    422,
    "key-reused",
    "The key was used before",
    "This Idempotency-Key was used before with another request, for job 000m3k2v8q1x7f9a2b4c. Use a new key.",
)
PLACE_REFUSED = Kind(
    422, "place-refused", "The place can't be used", "Files:texts/a is a folder, so it cannot be an object too."
)
UNKNOWN_BUNDLE = Kind(
    422, "unknown-bundle", "No such bundle", "There is no bundle 5a…: upload it first with PUT /v1/bundles/5a…."
)
UNKNOWN_JOB = Kind(422, "unknown-job", "No such built-in job", "there is no built-in job 'count': there is wordcount")
WRONG_HASH = Kind(
    422, "wrong-hash", "The hash differs", "The body's SHA-256 is 5a…, not 7c…: send it again. Nothing was stored."
)
STORE_REFUSED = Kind(
    500,
    "store-refused",
    "The store refuses",
    "The service's store refuses the service access. Its operator finds the reason in the log.",
)
AUTH_AWAY = Kind(
    503,
    "auth-away",
    "The auth service is away",
    "The auth service does not answer, so tokens can't be verified. Try again in a moment.",
)
NOT_READY = Kind(503, "not-ready", "Not ready", "Not at hand: records. Ask again in a moment.")
RECONCILER_DEAD = Kind(
    503, "reconciler-dead", "The reconciler has ended", "The reconciler has ended: restart this process."
)

# What a job may end with beside JOB_REFUSED. A job's own error is no answer, so it is kept without a status.
JOB_FAILED = Kind(422, "job-failed", "The job failed", "the mapper raised ValueError: no number")
NAME_TAKEN = Kind(409, "name-taken", "The name is taken", "The job's workers can't be started: submit it anew.")
WORKERS_LOST = Kind(
    500,
    "workers-lost",
    "The workers were lost",
    "The workers ended 4 times without committing a task.",
)
