"""Retry a job that failed or was cancelled, as it was or with other code."""

import time
from typing import Any

from fanfold.planning.compiled import CompiledJob
from fanfold_client.api.collections import SubmitService
from fanfold_client.api.problems import Conflict
from fanfold_client.api.responses import FINAL, Job
from fanfold_client.jobs.submitting import upload_code

PATIENCE = 60.0  # seconds for the workers of the run before to stop
PAUSE = 0.5


def retry_job(service: SubmitService, job_id: str, compiled: CompiledJob | None, *, anew: bool) -> Job:
    """Give the job another run, once the workers of the last one have stopped.

    Args:
        service: the submit service.
        job_id: the job.
        compiled: other code, which is uploaded.
        anew: whether to discard what is committed.

    Raises:
        ClientError: the job can't be retried.
    """
    job = service.jobs.get(job_id)
    request: dict[str, Any] = {"run": job.get("runs", 1), "anew": anew}
    if compiled:
        request["code"] = upload_code(service, compiled)
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return service.jobs.retry(job_id, request)
        except Conflict as error:
            is_stopping = str(error.problem.get("type", "")).endswith(":job-active") and job["state"] in FINAL
            if not is_stopping or time.monotonic() > end:
                raise
        time.sleep(PAUSE)
