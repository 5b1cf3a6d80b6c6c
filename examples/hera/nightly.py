"""A CronWorkflow: every night at three, all logs are counted anew, into a folder of that night.

`python examples/hera/nightly.py | kubectl apply -f -`
"""

import visits
from places import LOGS, PODS, ROOT

cron = visits.job.cron_workflow(
    "visits-nightly",
    schedules=["0 3 * * *"],
    timezone="Europe/Berlin",
    input=LOGS,
    output=f"{ROOT}nightly/{{{{workflow.scheduledTime}}}}/",
    workers=2,
    **PODS,
)

if __name__ == "__main__":
    print(cron.to_yaml(allow_unicode=True), end="")
