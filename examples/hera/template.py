"""A WorkflowTemplate, which anybody may submit with places of their own.

`python examples/hera/template.py | kubectl apply -f -`, and then
`argo submit -n fanfold --from workflowtemplate/visits -p input=s3://… -p output=s3://… -p workers=8`
"""

import visits
from places import PODS

template = visits.job.workflow_template("visits", **PODS)

if __name__ == "__main__":
    print(template.to_yaml(allow_unicode=True), end="")
