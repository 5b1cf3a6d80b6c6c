"""A loop: a job for each day that the Workflow is submitted with.

`python examples/hera/days.py > days.yaml`, and then
`argo submit -n fanfold days.yaml -p days='["2026-11-01", "2026-11-02"]'`
"""

import visits
from hera.workflows import Parameter, Steps, Workflow
from places import LOGS, PODS, ROOT

with (
    Workflow(
        api_version="argoproj.io/v1alpha1",
        kind="Workflow",
        generate_name="days-",
        namespace="fanfold",
        entrypoint="days",
        arguments=[Parameter(name="days", value='["2026-11-01", "2026-11-02", "2026-11-03"]')],
    ) as workflow,
    Steps(name="days"),
):
    visits.job.step(
        "count",
        input=f"{LOGS}{{{{item}}}}/",
        output=f"{ROOT}days/{{{{workflow.uid}}}}/{{{{item}}}}/",
        with_param="{{workflow.parameters.days}}",
        **PODS,
    )

if __name__ == "__main__":
    print(workflow.to_yaml(allow_unicode=True), end="")
