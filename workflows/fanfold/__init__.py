"""MapReduce in Python, on a laptop or as an Argo Workflow.

    from fanfold import Job, Sum

    def words(line):
        for word in line.split():
            yield word.lower(), 1

    job = Job(map=words, reduce=Sum())

Importing this loads nothing heavy: workers import it with every job.
"""

from fanfold.job import InvalidJob, Job
from fanfold_steps.aggregations import Sum

__all__ = ["InvalidJob", "Job", "Sum"]
