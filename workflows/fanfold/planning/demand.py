"""What a job asks of its workers, put together from its stages."""

from collections.abc import Iterator
from functools import partial

from fanfold.planning.sizing import Demand, available_cores
from fanfold_steps.job.resources import Resources, quantity
from fanfold_steps.job.sizes import crews, most_reduces
from fanfold_steps.job.spec import JobSpec
from fanfold_steps.memory.budget import available_memory


def demand_of(spec: JobSpec) -> Demand:
    """What the sizes of a job must suit. What stages an entry has, only its first worker finds out."""
    stages = [spec.resources_of(stage) for stage in range(len(spec.stages) or 1)]
    return Demand(
        reduces=partial(most_reduces, spec),
        cpu=max((stage.cpu for stage in stages if stage.cpu), default=None),
        memory=max((quantity(stage.memory) or 0 for stage in stages if stage.memory), default=None),
        crews=crews(spec) or (0,),
    )


def without_effect_here(spec: JobSpec) -> Iterator[str]:
    """A sentence for what a job asks for that workers on this machine can't be given."""
    if spec.image:
        yield f"the image {spec.image} has no effect on this machine: workers run in the Python that is here"
    names = ("ephemeral_storage", "node_selector", "tolerations", "priority")
    asked = [spec.resources or Resources(), *(stage.resources or Resources() for stage in spec.stages)]
    given = [name for name in names if any(getattr(one, name) for one in asked)]
    if given:
        yield f"resources: {', '.join(given)}: no effect on this machine, which has no pods"
    retries = [spec.resources_of(stage).retries for stage in range(len(spec.stages) or 1)]
    if any(number != retries[0] for number in retries):
        yield "resources: retries: workers on this machine do every stage, so those of the first stage hold for all"
    yield from _more_than_this_machine_has(spec)


def _more_than_this_machine_has(spec: JobSpec) -> Iterator[str]:
    demand = demand_of(spec)
    cores, memory = available_cores(), available_memory()
    if demand.cpu and demand.cpu > cores:
        yield f"resources: cpu: the job asks for {demand.cpu:g} cores, but this machine has {cores}: it takes longer"
    if demand.memory and demand.memory > memory:
        asked, there = (f"{number >> 20:,} MiB" for number in (demand.memory, memory))
        yield f"resources: memory: the job asks for {asked}, but this machine has {there}, which may not be enough"


def secrets_of(spec: JobSpec) -> dict[str, str]:
    """All environment variables that come from Secrets, whichever stage's: the Secret and its key, by name."""
    asked = [spec.resources, *(stage.resources for stage in spec.stages)]
    return {name: secret for one in asked if one for name, secret in one.secrets.items()}
