"""The sum of what an installation requests, as the scheduler counts it."""

from decimal import Decimal

import pytest

from fanfold_client.cluster.requests import Requests, amount, requests_of

GIB = 2**30


def container(cpu, memory):
    return {"resources": {"requests": {"cpu": cpu, "memory": memory}}}


def workload(kind, name, replicas, *containers, before=(), **more):
    pod = {"containers": list(containers), "initContainers": list(before)}
    return {"kind": kind, "metadata": {"name": name}, "spec": {"replicas": replicas, "template": {"spec": pod}} | more}


def claim(size):
    return {"spec": {"resources": {"requests": {"storage": size}}}}


def test_replicas_members_and_claims_are_counted():
    etcd = workload("StatefulSet", "etcd", 3, container("50m", "128Mi"), volumeClaimTemplates=[claim("4Gi")])
    auth = workload("Deployment", "auth", 2, container("50m", "128Mi"), container("25m", "64Mi"))
    data = {"kind": "PersistentVolumeClaim", "metadata": {"name": "data"}} | claim("10Gi")
    asked = requests_of([etcd, auth, data, {"kind": "Service", "metadata": {"name": "auth"}}])
    assert asked == {
        "etcd": Requests(Decimal("0.15"), Decimal(3 * 128 * 2**20), Decimal(12 * GIB)),
        "auth": Requests(Decimal("0.15"), Decimal(2 * 192 * 2**20)),
        "data": Requests(disk=Decimal(10 * GIB)),
    }
    assert str(sum(asked.values(), Requests())) == "0.3 cpu, 0.75 GiB of memory, 22 GiB of disk"


def test_what_runs_before_counts_only_if_it_is_larger():
    before = [container("10m", "1Gi"), container("20m", "1Mi")]
    item = workload("Deployment", "submit", 1, container("50m", "128Mi"), before=before)
    assert requests_of([item])["submit"] == Requests(Decimal("0.05"), Decimal(GIB))


def test_a_container_without_requests_counts_nothing():
    assert requests_of([workload("Deployment", "bare", 2, {"name": "x"})])["bare"] == Requests()


@pytest.mark.parametrize("text", ["", "1 GiB", "m", "1Xi"])
def test_what_is_no_quantity_is_refused(text):
    with pytest.raises(ValueError, match="is not a quantity of Kubernetes"):
        amount(text)
