"""Where many jobs share the workers, none is planned with more than may run at a time."""

import pytest

from fanfold.errors import Refused
from fanfold.planning.sizing import Demand, Sizing, at_once, available_cores, sizes_for

MIB = 1 << 20
LARGE = 100_000 * MIB


def workers(total: int, engine: str, demand: Demand | None = None, **sizing: int) -> dict[str, int]:
    return sizes_for(total, demand or Demand(), Sizing(**sizing), engine).workers


def test_on_one_machine_a_job_that_asks_for_more_has_fewer() -> None:
    assert workers(LARGE, "local", workers=64, most_at_once=3) == {"all": 3}
    assert workers(LARGE, "local", workers=2, most_at_once=3) == {"all": 2}


def test_on_one_machine_a_small_job_leaves_workers_to_others() -> None:
    assert workers(1000, "local", most_at_once=8, partitions=1) == {"all": 1}
    assert workers(1000, "local", most_at_once=8) == {"all": 1}
    most = min(2, available_cores())
    assert workers(1000, "local", most_at_once=8, partitions=2) == {"all": most}
    assert workers(2 * MIB, "local", most_at_once=8, partitions=1) == {"all": most}
    assert workers(2048, "local", most_at_once=8, partitions=1, split_size=1024) == {"all": most}
    assert workers(1000, "local") == {"all": available_cores()}, "nobody else waits for a run of one's own"


@pytest.mark.parametrize("most", [1, 2, 3, 7, 40, 101, 1000])
def test_a_cluster_gets_as_many_pods_as_may_run(most: int) -> None:
    free = workers(LARGE, "argo")
    pods = workers(LARGE, "argo", most_at_once=most)
    assert at_once(pods) <= most
    assert pods == free if most >= at_once(free) else at_once(pods) >= most - 2 or pods == {"all": 1}


def test_pods_of_stages_that_follow_each_other_are_counted_once() -> None:
    crews = Demand(crews=(0, 1))
    assert workers(LARGE, "argo", crews, most_at_once=20) == {"stage-0": 20, "stage-1": 20}


def test_more_pods_than_may_run_are_refused_in_words() -> None:
    with pytest.raises(Refused) as refused:
        workers(LARGE, "argo", workers=20, most_at_once=20)
    assert str(refused.value) == (
        "20 workers for each step would be 41 pods at a time, and the limit here is 20: ask for fewer workers"
    )
    assert workers(LARGE, "argo", workers=9, most_at_once=19) == {"split": 1, "map": 9, "reduce": 9}
