"""A pipeline: one job counts, a container of another kind looks at the result's name, a second job ranks.

`python examples/hera/pipeline.py | kubectl create -f -`
"""

import ranking
import visits
from hera.workflows import DAG, Container, Parameter, Task, Workflow
from hera.workflows.models import Capabilities, PodSecurityContext, SeccompProfile, SecurityContext
from places import LOGS, PODS, ROOT

with Workflow(
    api_version="argoproj.io/v1alpha1",
    kind="Workflow",
    generate_name="pages-",
    namespace="fanfold",
    entrypoint="pages",
    service_account_name="fanfold-steps",
    security_context=PodSecurityContext(
        run_as_non_root=True, run_as_user=8737, seccomp_profile=SeccompProfile(type="RuntimeDefault")
    ),
) as workflow:
    announce = Container(
        name="announce",
        image="python:3.11-slim",
        image_pull_policy="IfNotPresent",
        inputs=[Parameter(name="what")],
        command=["python3", "-c"],
        args=["print('counted into {{inputs.parameters.what}}')"],
        security_context=SecurityContext(allow_privilege_escalation=False, capabilities=Capabilities(drop=["ALL"])),
    )
    with DAG(name="pages"):
        run = f"{ROOT}pipeline/{{{{workflow.uid}}}}/"
        count = visits.job.task("count", input=LOGS, output=f"{run}counts/", workers=3, partitions=2, **PODS)
        told = Task(name="announce", template=announce, arguments={"what": count.output})
        rank = ranking.job.task("rank", input=count.output, output=f"{run}ranking/", params={"least": 2}, **PODS)
        count >> told
        told >> rank

if __name__ == "__main__":
    print(workflow.to_yaml(allow_unicode=True), end="")
