"""What every store of records promises; a backend's tests are a subclass that says where they lie."""

import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from fanfold_storage.errors import InvalidKey, StorageError, Unavailable
from fanfold_storage.records import Change, Conflict, Expect, Record, Records, Watch, Write
from fanfold_storage.urls import open_records
from tests.storage.processes import answer, python
from tests.storage.records_model import RecordsAgainstModel
from tests.waiting import at_once

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
LIMITS = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Listener:
    """A watch read in a thread."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.changes: list[Change] = []
        self.error: Exception | None = None
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def wait_for(self, count: int, within: float = 30) -> list[Change]:
        """The first so many changes, as soon as they are there."""
        with self._news:
            assert self._news.wait_for(lambda: self.error or len(self.changes) >= count, within), self.changes
        if self.error:
            raise self.error
        return self.changes[:count]

    def stop(self) -> None:
        """Close the watch and wait until the thread has ended."""
        self.watch.close()
        self._thread.join(timeout=10)
        assert not self._thread.is_alive(), "the watch did not end when it was closed"

    def _listen(self) -> None:
        try:
            for change in self.watch:
                self._add(change)
        except StorageError as error:
            with self._news:
                self.error = error
                self._news.notify_all()

    def _add(self, change: Change) -> None:
        with self._news:
            self.changes.append(change)
            self._news.notify_all()


def write(records: Records, key: str, value: dict[str, Any] | None, expires_in: float | None = None) -> int:
    """Write one key whatever it holds; the new revision."""
    revision = records.transact([], [Write(key, value, expires_in)])
    assert isinstance(revision, int)
    return revision


def increment(records: Records, key: str) -> None:
    """Add one to a counter by compare-and-set, however often it takes."""
    while True:
        found = records.get(key)
        count = found.value["count"] if found else 0
        expect = Expect(key, found.revision if found else 0)
        if records.transact([expect], [Write(key, {"count": count + 1})]) != Conflict():
            return


class RecordsContract:
    """The tests; `url` is where the records lie, `prefix` one that nobody else uses there."""

    @pytest.fixture
    def url(self) -> str:
        raise NotImplementedError

    @pytest.fixture
    def prefix(self) -> str:
        return f"test-{uuid.uuid4().hex}/"

    @pytest.fixture
    def records(self, url: str) -> Iterator[Records]:
        with contextlib.closing(open_records(url)) as records:
            yield records

    @pytest.fixture
    def listen(self, records: Records) -> Iterator[Callable[[str, int], Listener]]:
        listeners: list[Listener] = []

        def start(prefix: str, from_revision: int) -> Listener:
            listeners.append(Listener(records.watch(prefix, from_revision)))
            return listeners[-1]

        yield start
        for listener in listeners:
            listener.stop()

    def test_what_is_written_can_be_read_and_deleted(self, records: Records, prefix: str) -> None:
        key = prefix + "k"
        assert records.get(key) is None
        first = write(records, key, {"a": [1, "é", None]})
        assert records.get(key) == Record(key, {"a": [1, "é", None]}, first)
        second = write(records, key, {})
        assert second > first
        assert records.get(key) == Record(key, {}, second)
        third = write(records, key, None)
        assert third > second
        assert records.get(key) is None
        assert write(records, key, None) >= third

    def test_many_are_read_at_once(self, records: Records, prefix: str) -> None:
        keys = [f"{prefix}{n:02}é" for n in range(100)]
        revision = records.transact([], [Write(key, {"n": n}) for n, key in enumerate(keys)])
        assert isinstance(revision, int)
        later = write(records, keys[7], {"n": "later"})
        write(records, keys[8], None)
        wanted = {key: Record(key, {"n": n}, revision) for n, key in enumerate(keys)}
        wanted[keys[7]] = Record(keys[7], {"n": "later"}, later)
        del wanted[keys[8]]
        assert records.get_many(keys[::-1]) == wanted
        assert records.get_many([keys[7], prefix + "none", keys[7]]) == {keys[7]: wanted[keys[7]]}
        assert records.get_many([]) == {}
        with pytest.raises(StorageError, match="split them up"):
            records.get_many([*keys, prefix])

    def test_many_are_read_as_they_are_at_one_moment(self, records: Records, prefix: str) -> None:
        """Both keys change in one transaction again and again; whoever reads both never sees one without the other."""
        keys, rounds = [prefix + "a", prefix + "b"], 100

        def play(part: int) -> None:
            for turn in range(rounds):
                if part == 0:
                    records.transact([], [Write(key, {"turn": turn}) for key in keys])
                else:
                    found = records.get_many(keys)
                    assert len({record.value["turn"] for record in found.values()}) <= 1, found

        at_once(2, play)

    def test_expectations(self, records: Records, prefix: str) -> None:
        key, other = prefix + "k", prefix + "other"
        first = records.transact([Expect(key, 0)], [Write(key, {"n": 1})])
        assert isinstance(first, int)
        assert records.transact([Expect(key, 0)], [Write(key, {"n": 2})]) == Conflict()
        assert records.transact([Expect(key, first + 1000)], [Write(key, {"n": 2})]) == Conflict()
        assert records.transact([Expect(key, first), Expect(other, 7)], [Write(key, {"n": 2})]) == Conflict()
        assert records.get(key) == Record(key, {"n": 1}, first)
        second = records.transact([Expect(key, first), Expect(other, 0)], [Write(key, None), Write(other, {"n": 2})])
        assert isinstance(second, int)
        assert records.get(key) is None
        assert records.transact([Expect(key, first)], [Write(key, {})]) == Conflict()
        assert records.transact([Expect(key, 0), Expect(other, second)], []) == second

    def test_writes_of_a_transaction_share_its_revision(self, records: Records, prefix: str) -> None:
        revision = records.transact([], [Write(f"{prefix}{n:02}", {"n": n}) for n in range(100)])
        found = records.scan(prefix)
        assert {record.revision for record in found.records} == {revision}
        assert [record.value["n"] for record in found.records] == list(range(100))
        assert not found.more

    def test_values_come_back_as_they_were(self, records: Records, prefix: str) -> None:
        @given(value=st.dictionaries(st.text(), JSON, max_size=4))
        @LIMITS
        def round_trip(value: dict[str, Any]) -> None:
            revision = write(records, prefix + "k", value)
            assert records.get(prefix + "k") == Record(prefix + "k", value, revision)

        round_trip()

    def test_large_values(self, records: Records, prefix: str) -> None:
        value = {"text": "x" * (1024 * 1024 - len('{"text":""}'))}
        write(records, prefix + "k", value)
        for number in range(6):
            write(records, f"{prefix}many/{number}", value)
        found = records.get(prefix + "k")
        assert found is not None
        assert found.value == value
        assert len(records.scan(prefix + "many/").records) == 6

    @pytest.mark.parametrize(
        ("writes", "words"),
        [
            ([Write("k", {"text": "x" * 1024 * 1024})], "at most 1 MiB"),
            ([Write(f"k{n}", {"text": "x" * 500_000}) for n in range(3)], "split it"),
            ([Write(f"k{n}", {}) for n in range(101)], "split it"),
            ([Write("k", {}), Write("k", None)], "each key once"),
            ([Write("k", {"a": float("nan")})], "JSON"),
            ([Write("k", {"a": {1, 2}})], "JSON"),
            ([Write("k", [1])], "JSON object"),  # type: ignore[arg-type]
            ([Write("k", {}, expires_in=1)], "at least 2"),
        ],
    )
    def test_transactions_that_none_may_make(self, records: Records, writes: list[Write], words: str) -> None:
        with pytest.raises(StorageError, match=words):
            records.transact([], writes)

    @pytest.mark.parametrize("key", ["", "x" * 1025, "\ud800"])
    def test_keys_that_none_may_have(self, records: Records, key: str) -> None:
        for refused in (
            lambda: records.get(key),
            lambda: records.get_many([key]),
            lambda: records.transact([], [Write(key, {})]),
            lambda: records.transact([Expect(key, 0)], []),
        ):
            with pytest.raises(InvalidKey):
                refused()

    def test_scans_are_in_the_order_of_the_keys_bytes(self, records: Records, prefix: str) -> None:
        keys = [
            "",
            "!",
            "0",
            "A",
            "a",
            "a/",
            "a/b",
            "a0",
            "aa",
            "\x7f",
            "\x80",
            "ÿ",
            "\uffff",
            "\U0001f40d",
            "\U0010ffff",
        ]
        keys = [prefix + key for key in keys] + [prefix[:-1], prefix[:-1] + "0"]
        for key in keys:
            write(records, key, {})
        for asked in (prefix, prefix[:-1], prefix + "a", prefix + "a/", prefix + "\U0010ffff", prefix + "none"):
            for after in ("", prefix + "a", prefix + "a/", prefix + "aa", prefix + "~"):
                for before in ("", prefix, prefix + "a", prefix + "a0", prefix + "~", prefix + "\U0010ffff\0"):
                    expected = sorted(
                        (k for k in keys if k.startswith(asked) and k > after and (not before or k < before)),
                        key=str.encode,
                    )
                    found = records.scan(asked, after=after, before=before)
                    assert [record.key for record in found.records] == expected
                    assert records.count(asked, after=after, before=before, most=100) == len(expected)

    def test_records_are_counted_up_to_a_number(self, records: Records, prefix: str) -> None:
        assert records.count(prefix, most=1) == 0
        records.transact([], [Write(f"{prefix}{n:02}", {"n": n}) for n in range(30)])
        write(records, prefix + "30", {}, expires_in=600)
        write(records, prefix[:-1], {})
        write(records, prefix + "05", None)
        assert [records.count(prefix, most=most) for most in (1, 29, 30, 31, 1000)] == [1, 29, 30, 30, 30]
        assert records.count(prefix, after=prefix + "05", most=1000) == 25
        assert records.count(prefix, after=prefix + "05", before=prefix + "08", most=1000) == 2
        assert records.count(prefix, after=prefix + "05", before=prefix + "08", most=1) == 1
        assert records.count(prefix, after=prefix + "08", before=prefix + "05", most=1) == 0

    def test_everything_can_be_scanned(self, records: Records, prefix: str) -> None:
        write(records, prefix + "k", {})
        found, after = [], ""
        while True:
            page = records.scan("", after=after, limit=50)
            found += [record.key for record in page.records]
            if not page.more:
                break
            after = found[-1]
        assert prefix + "k" in found
        assert found == sorted(set(found), key=str.encode)

    def test_pages_show_one_revision_while_others_write(self, records: Records, prefix: str) -> None:
        for number in range(25):
            write(records, f"{prefix}{number:02}", {"version": 1})
        pages = [records.scan(prefix, limit=10)]
        while pages[-1].more:
            for number in range(0, 25, 3):
                write(records, f"{prefix}{number:02}", {"version": 2})
                write(records, f"{prefix}{number + 1:02}", None)
                write(records, f"{prefix}{number:02}-new", {"version": 1})
            last = pages[-1]
            pages.append(records.scan(prefix, after=last.records[-1].key, limit=10, revision=last.revision))
        assert [len(page.records) for page in pages] == [10, 10, 5]
        assert {page.revision for page in pages} == {pages[0].revision}
        found = [record for page in pages for record in page.records]
        assert [record.key for record in found] == [f"{prefix}{number:02}" for number in range(25)]
        assert all(record.value == {"version": 1} and record.revision <= pages[0].revision for record in found)

    def test_a_store_behaves_as_a_dictionary_with_history(self, records: Records) -> None:
        run_state_machine_as_test(
            lambda: RecordsAgainstModel(records, f"model-{uuid.uuid4().hex}/"),  # type: ignore[arg-type]
            settings=settings(max_examples=12, stateful_step_count=30, deadline=None),
        )

    def test_watches_tell_every_change_in_order(
        self, records: Records, prefix: str, listen: Callable[[str, int], Listener]
    ) -> None:
        first = write(records, prefix + "a", {"n": 1})
        early = listen(prefix, first)
        late = listen(prefix + "b", first + 1)
        early.wait_for(1)
        write(records, prefix[:-1], {"beside": True})
        second = records.transact([], [Write(prefix + "b", {"n": 2}), Write(prefix + "a", None)])
        third = write(records, prefix + "b2", {"n": 3})
        assert isinstance(second, int)
        told = [
            Change(prefix + "a", {"n": 1}, first),
            Change(prefix + "b", {"n": 2}, second),
            Change(prefix + "a", None, second),
            Change(prefix + "b2", {"n": 3}, third),
        ]
        assert early.wait_for(4) == told
        assert late.wait_for(2) == [told[1], told[3]]
        assert listen(prefix, first + 1).wait_for(3) == told[1:]
        assert listen("", second).wait_for(3)[:2] == told[1:3]

    def test_watches_end_when_closed(self, records: Records, prefix: str, url: str) -> None:
        listener = Listener(records.watch(prefix, 1))
        unread = records.watch(prefix, 1)
        unread.close()
        unread.close()
        assert list(unread) == []
        listener.stop()
        listener.stop()
        again = open_records(url)
        later = again.watch(prefix, 1)
        open_still = Listener(again.watch(prefix, 1))
        again.close()
        open_still.stop()
        assert open_still.error is None
        assert list(later) == []
        with pytest.raises(Unavailable, match="closed"):
            again.get("k")

    def test_what_expires_goes_and_watches_tell(
        self, records: Records, prefix: str, listen: Callable[[str, int], Listener]
    ) -> None:
        start = time.monotonic()
        first = write(records, prefix + "goes", {"n": 1}, expires_in=2)
        for key in ("prolonged", "kept"):
            write(records, prefix + key, {"n": 1}, expires_in=2)
        listener = listen(prefix + "goes", first)
        listener.wait_for(1)
        write(records, prefix + "prolonged", {"n": 2}, expires_in=600)
        kept = write(records, prefix + "kept", {"n": 2})
        assert records.get(prefix + "goes") is not None
        _, gone = listener.wait_for(2)
        assert 1.5 < time.monotonic() - start < 15
        assert (gone.key, gone.value) == (prefix + "goes", None)
        assert gone.revision > kept
        assert records.get(prefix + "goes") is None
        assert list(records.get_many([prefix + "goes", prefix + "kept"])) == [prefix + "kept"]
        assert [record.key for record in records.scan(prefix).records] == [prefix + "kept", prefix + "prolonged"]
        assert isinstance(records.transact([Expect(prefix + "goes", 0)], [Write(prefix + "goes", {})]), int)

    def test_a_conflict_grants_no_expiry(self, records: Records, prefix: str) -> None:
        revision = write(records, prefix + "k", {"n": 1})
        assert records.transact([Expect(prefix + "k", 0)], [Write(prefix + "k", {}, expires_in=2)]) == Conflict()
        assert records.get(prefix + "k") == Record(prefix + "k", {"n": 1}, revision)

    def test_of_many_threads_one_creates(self, records: Records, prefix: str) -> None:
        for turn in range(3):
            key = f"{prefix}{turn}"

            def create(number: int, key: str = key) -> int | Conflict:
                return records.transact([Expect(key, 0)], [Write(key, {"by": number})])

            answers = at_once(16, create)
            (winner,) = [number for number, given in enumerate(answers) if given != Conflict()]
            assert records.get(key) == Record(key, {"by": winner}, answers[winner])  # type: ignore[arg-type]

    def test_a_counter_loses_nothing_among_threads(self, records: Records, prefix: str) -> None:
        def count(_: int) -> None:
            for _ in range(8):
                increment(records, prefix + "k")

        at_once(8, count)
        found = records.get(prefix + "k")
        assert found is not None
        assert found.value == {"count": 64}

    def test_a_counter_loses_nothing_among_processes(
        self, url: str, records: Records, prefix: str, listen: Callable[[str, int], Listener]
    ) -> None:
        code = """
records = open_records(sys.argv[1])
key = sys.argv[2]
done = 0
while done < 25:
    found = records.get(key)
    expect = Expect(key, found.revision if found else 0)
    count = found.value["count"] + 1 if found else 1
    done += records.transact([expect], [Write(key, {"count": count})]) != Conflict()
"""
        listener = listen(prefix, records.scan(prefix).revision + 1)
        running = [python(code, url, prefix + "k") for _ in range(3)]
        for process in running:
            answer(process)
        assert [change.value for change in listener.wait_for(75)] == [{"count": n} for n in range(1, 76)]

    def test_a_writer_that_is_killed_has_written_what_it_acknowledged(
        self, url: str, records: Records, prefix: str
    ) -> None:
        code = """
records = open_records(sys.argv[1])
prefix = sys.argv[2]
for number in range(50):
    value = {"n": number}
    print(number, records.transact([], [Write(f"{prefix}{number}", value), Write(prefix, value)]), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
        acknowledged = [line.split() for line in answer(python(code, url, prefix), status=-9).splitlines()]
        assert len(acknowledged) == 50
        for number, revision in acknowledged:
            key = prefix + number
            assert records.get(key) == Record(key, {"n": int(number)}, int(revision))
