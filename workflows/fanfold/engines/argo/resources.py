"""A job's resources in Kubernetes' terms."""

from hera.workflows import Resources as PodResources
from hera.workflows import SecretEnv
from hera.workflows.models import Toleration

from fanfold.engines.argo.pods import PodSettings
from fanfold_steps.job.resources import Resources, quantity

_UNITS = (("Ti", 4), ("Gi", 3), ("Mi", 2))


def limits(pods: PodSettings, resources: Resources) -> PodResources:
    """What the container requests, and may use. What the job asks for is both, so it is never taken away again."""
    cpu, memory, storage = resources.cpu, _bytes(resources.memory), _bytes(resources.ephemeral_storage)
    return PodResources(
        cpu_request=pods.cpu_request if cpu is None else cpu,
        cpu_limit=pods.cpu_limit if cpu is None else cpu,
        memory_request=memory or pods.memory_request,
        memory_limit=memory or pods.memory_limit,
        ephemeral_request=storage,
        ephemeral_limit=storage,
    )


def tolerations(resources: Resources) -> list[Toleration]:
    """The taints that the pods' nodes may have."""
    return [
        Toleration(key=one.key, operator="Exists" if one.value is None else "Equal", value=one.value, effect=one.effect)
        for one in resources.tolerations
    ]


def secret_variable(name: str, place: str) -> SecretEnv:
    """An environment variable that comes from the Secret and the key that `place` names, as in `my-secret/token`."""
    secret, _, key = place.partition("/")
    return SecretEnv(name=name, secret_name=secret, secret_key=key)


def _bytes(text: str | None) -> str | None:
    """A quantity in the largest binary unit that keeps it, or rounded up to Ki: Hera knows no others.

    >>> _bytes("4GiB"), _bytes("0.5Gi"), _bytes("1KB"), _bytes(None)
    ('4Gi', '512Mi', '1Ki', None)
    """
    if text is None or (number := quantity(text)) is None:
        return None
    unit, power = next(((unit, power) for unit, power in _UNITS if number % 1024**power == 0), ("Ki", 1))
    return f"{-(-number // 1024**power)}{unit}"
