"""Scans of long ranges in parts: they find what one request for the whole range finds, and visit few keys for it."""

import contextlib
import uuid
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fanfold_storage.records import Page, Records, Write, etcd_spans, scan_all
from fanfold_storage.records.etcd import EtcdRecords
from fanfold_storage.urls import open_records
from fanfold_submit.job_ids import new_job_id
from fanfold_submit.jobs.listed import reversed_id
from tests.servers import EtcdCluster
from tests.storage.records_contract import RecordsContract, write

KEYS = st.text("09az\u00e9/", min_size=1, max_size=30)


class Visited:
    """How many requests scans made, and how many keys etcd visited for them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.requests = self.keys = 0
        real = EtcdRecords._range

        def noting(records: EtcdRecords, *arguments: Any, **named: Any) -> Any:
            response = real(records, *arguments, **named)
            self.requests, self.keys = self.requests + 1, self.keys + response.count
            return response

        monkeypatch.setattr(EtcdRecords, "_range", noting)

    def since(self) -> tuple[int, int]:
        """Requests and keys since the last call."""
        counted = self.requests, self.keys
        self.requests = self.keys = 0
        return counted


class TestEtcdInParts(RecordsContract):
    """The contract, with every range being long."""

    @pytest.fixture
    def url(self, etcd_server: EtcdCluster, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.setattr(etcd_spans, "LONG", 0)
        return etcd_server.url


@pytest.fixture
def prefix() -> str:
    return f"test-{uuid.uuid4().hex}/"


@pytest.fixture
def records(etcd_server: EtcdCluster) -> Iterator[Records]:
    with contextlib.closing(open_records(etcd_server.url)) as records:
        yield records


def store(records: Records, keys: list[str]) -> None:
    for start in range(0, len(keys), 100):
        records.transact([], [Write(key, {}) for key in keys[start : start + 100]])


def keys_of(page: Page) -> list[str]:
    return [record.key for record in page.records]


def test_they_find_the_same_wherever_keys_lie(records: Records, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(etcd_spans, "LONG", 0)
    turns = count()

    @given(keys=st.sets(KEYS, max_size=60), data=st.data())
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def same(keys: set[str], data: st.DataObject) -> None:
        here = f"{prefix}{next(turns)}/"
        there = sorted((here + key for key in keys), key=str.encode)
        store(records, there)
        for _ in range(8):
            after = data.draw(st.just("") | KEYS | st.sampled_from(sorted(keys) or ["x"]))
            limit = data.draw(st.integers(1, 9))
            lowest = here + after if after else ""
            wanted = [key for key in there if key.encode() > lowest.encode()]
            page = records.scan(here, after=lowest, limit=limit)
            assert (keys_of(page), page.more) == (wanted[:limit], len(wanted) > limit)

    same()


def in_decimals(number: int) -> str:
    return f"{number * 997:09}-{number % 7}"


def by_time(number: int) -> str:
    return reversed_id(new_job_id(lambda: 1e9 - number))


@pytest.mark.parametrize(("name", "most"), [(in_decimals, 4000), (by_time, 1500)])
def test_few_keys_are_visited_for_a_page_of_a_long_range(
    records: Records, prefix: str, monkeypatch: pytest.MonkeyPatch, name: Callable[[int], str], most: int
) -> None:
    monkeypatch.setattr(etcd_spans, "LONG", 100)
    keys = [prefix + name(number) for number in range(10_000)]
    store(records, keys)
    visited = Visited(monkeypatch)
    assert keys_of(records.scan(prefix, limit=20)) == keys[:20]
    assert visited.since() == (1, 10_000), "nothing was known"
    for limit in (1, 20):
        page = records.scan(prefix, limit=limit)
        requests, seen = visited.since()
        assert (keys_of(page), page.more) == (keys[:limit], True)
        assert requests == 1 and seen <= 60
    for place in range(1000, 9000, 777):
        page = records.scan(prefix, after=keys[place], limit=20)
        assert (keys_of(page), page.more) == (keys[place + 1 : place + 21], True)
        requests, seen = visited.since()
        assert requests <= 5 and seen < most
        assert records.count(prefix, after=keys[place + 20], most=100) == 100
        requests, seen = visited.since()
        assert requests <= 5 and seen < most
    page = records.scan(prefix, after=keys[9979], limit=20)
    assert (keys_of(page), page.more) == (keys[9980:], False), "the range ends"
    assert records.count(prefix, after=keys[19], most=20_000) == 9980
    assert len(scan_all(records, prefix).records) == 10_000


def test_where_keys_lie_may_change(records: Records, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(etcd_spans, "LONG", 100)
    keys = [f"{prefix}{number:09}" for number in range(50_000, 51_000)]
    store(records, keys)
    records.scan(prefix, limit=20)
    visited = Visited(monkeypatch)
    for key in keys[:500]:
        write(records, key, None)
    assert keys_of(records.scan(prefix, limit=20)) == keys[500:520]
    assert visited.since()[0] > 1, "the parts that were likely are empty"
    records.scan(prefix, limit=20)
    requests, seen = visited.since()
    assert requests <= 3 and seen < 100
    for key in keys[500:950]:
        write(records, key, None)
    assert len(scan_all(records, prefix).records) == 50
    visited.since()
    records.scan(prefix, limit=20)
    assert visited.since() == (1, 50), "it isn't long any more"


def test_what_comes_before_all_others_is_in_the_first_part(
    records: Records, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(etcd_spans, "LONG", 100)
    keys = [f"{prefix}{number:09}" for number in range(50_000, 51_000)]
    store(records, keys)
    records.scan(prefix, limit=20)
    visited = Visited(monkeypatch)
    write(records, f"{prefix}000000001", {})
    assert keys_of(records.scan(prefix, limit=20)) == [f"{prefix}000000001", *keys[:19]]
    requests, seen = visited.since()
    assert requests == 1 and seen <= 80


def test_all_parts_are_read_as_they_were_at_one_moment(
    records: Records, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(etcd_spans, "LONG", 0)
    keys = [f"{prefix}{number:03}" for number in (1, 2, 3, 300, 600, 900)]
    store(records, keys)
    records.scan(prefix, limit=3)
    real, requests = EtcdRecords._range, count()

    def with_a_write_in_between(opened: EtcdRecords, *arguments: Any, **named: Any) -> Any:
        if next(requests) == 1:
            records.transact([], [Write(keys[-1], None), Write(f"{prefix}999", {})])
        return real(opened, *arguments, **named)

    monkeypatch.setattr(EtcdRecords, "_range", with_a_write_in_between)
    assert keys_of(records.scan(prefix, limit=9)) == keys
    assert next(requests) > 1
