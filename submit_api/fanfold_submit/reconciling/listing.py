"""Lists jobs that Workflows have started by themselves: each marker in the store becomes a record, once.

Any number of replicas may do so at the same time: the record is created only if there is none.
"""

from collections.abc import Callable
from itertools import islice

from fanfold_steps.definition.marker import FOLDER
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_storage.errors import NotFound, StorageError, TooLarge
from fanfold_storage.objects import Objects, Stat
from fanfold_submit.job_ids import is_job_id
from fanfold_submit.jobs.admission import LARGEST_RECORD
from fanfold_submit.jobs.defined import defined_job, marker_at
from fanfold_submit.jobs.job_records import JobRecords
from fanfold_submit.jobs.places import Places
from fanfold_web.log import logger

log = logger("fanfold_submit")
AT_ONCE = 1000  # markers; the others wait for the next time
PATIENCE = 86400.0  # seconds that a marker without a tree is kept


class Listing:
    """Turns markers into records."""

    def __init__(self, jobs: JobRecords, objects: Objects, places: Places, now: Callable[[], float]) -> None:
        self._jobs, self._objects, self._places, self._now = jobs, objects, places, now

    def list_new(self) -> None:
        """Turn every marker into a record. Raises StorageError: a store is unavailable; the next call continues."""
        for stat in islice(self._objects.list(FOLDER), AT_ONCE):
            if self._is_settled(stat):
                self._objects.delete(stat.key)

    def _is_settled(self, stat: Stat) -> bool:
        """Whether the marker has served its purpose, or never will."""
        job_id = stat.key.removeprefix(FOLDER).removesuffix(".json")
        try:
            if not is_job_id(job_id):
                raise PermanentFailure("tree", "its name is not a job's id")
            job = defined_job(job_id, marker_at(self._objects, stat.key), self._places, self._now())
            if len(job.model_dump_json().encode()) > LARGEST_RECORD:
                raise PermanentFailure("tree", "the job is too large to be stored")
        except NotFound:  # its first worker is about to write the tree, or another replica was faster
            return self._now() - stat.modified > PATIENCE
        except (PermanentFailure, TooLarge) as error:
            log.warning("the job of the marker %.80r can't be listed: %s", stat.key, error)
            return True
        except StorageError:
            raise
        except Exception:  # it stays, for a version that has mended this; others are listed meanwhile
            log.exception("a bug stopped the listing of the marker %.80r", stat.key)
            return self._now() - stat.modified > PATIENCE
        if self._jobs.admit(job, None):
            log.info("listed job %s, which Workflow %s has started", job_id, job.workflow and job.workflow.name)
        return True
