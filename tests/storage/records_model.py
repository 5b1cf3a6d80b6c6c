"""Records against a model: a dictionary, and a copy of it for every revision."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fanfold_storage.records import Change, Conflict, Expect, Record, Records, Write

KEYS = st.sampled_from(["a", "a/", "a/b", "ab", "b", "é", "é/x"])
PREFIXES = st.sampled_from(["", "a", "a/", "é", "z"])
BOUNDS = st.tuples(st.just("") | KEYS, st.just("") | KEYS)
VALUES = st.none() | st.fixed_dictionaries({"n": st.integers(0, 9)})


class RecordsAgainstModel(RuleBasedStateMachine):
    """Random transactions, reads and pages; at the end a watch must tell the whole history."""

    def __init__(self, records: Records, prefix: str) -> None:
        super().__init__()
        self.records = records
        self.prefix = prefix
        self.now: dict[str, Record] = {}
        self.then: dict[int, dict[str, Record]] = {}
        self.changes: list[Change] = []
        self.start = 0

    @initialize()
    def look(self) -> None:
        self.start = self.records.scan(self.prefix).revision
        self.then[self.start] = {}

    @rule(
        writes=st.dictionaries(KEYS, VALUES, max_size=4),
        right=st.lists(KEYS, max_size=2),
        wrong=st.lists(st.tuples(KEYS, st.integers(-1, 3)), max_size=1),
    )
    def transact(self, writes: dict[str, Any], right: list[str], wrong: list[tuple[str, int]]) -> None:
        expected = [(self.prefix + key, self._revision(key)) for key in right]
        expected += [(self.prefix + key, max(0, self._revision(key) + off)) for key, off in wrong]
        holds = all(self._revision(key[len(self.prefix) :]) == revision for key, revision in expected)
        given = self.records.transact(
            [Expect(key, revision) for key, revision in expected],
            [Write(self.prefix + key, value) for key, value in writes.items()],
        )
        if not holds:
            assert given == Conflict()
            return
        assert isinstance(given, int)
        self._apply({self.prefix + key: value for key, value in writes.items()}, given)

    @rule(key=KEYS)
    def get(self, key: str) -> None:
        assert self.records.get(self.prefix + key) == self.now.get(self.prefix + key)

    @rule(keys=st.lists(KEYS, max_size=4))
    def get_many(self, keys: list[str]) -> None:
        wanted = {self.prefix + key: self.now[self.prefix + key] for key in keys if self.prefix + key in self.now}
        assert self.records.get_many([self.prefix + key for key in keys]) == wanted

    @rule(prefix=PREFIXES, bounds=BOUNDS, limit=st.integers(1, 4), data=st.data())
    def page(self, prefix: str, bounds: tuple[str, str], limit: int, data: st.DataObject) -> None:
        revision = data.draw(st.none() | st.sampled_from(sorted(self.then)))
        state = self.now if revision is None else self.then[revision]
        after, before = (self.prefix + bound if bound else "" for bound in bounds)
        expected = self._between(state, self.prefix + prefix, after, before)
        page = self.records.scan(self.prefix + prefix, after=after, before=before, limit=limit, revision=revision)
        assert page.records == expected[:limit]
        assert page.more == (len(expected) > limit)
        assert page.revision == revision if revision else page.revision >= max(self.then)

    @rule(prefix=PREFIXES, bounds=BOUNDS, most=st.integers(1, 4))
    def count(self, prefix: str, bounds: tuple[str, str], most: int) -> None:
        after, before = (self.prefix + bound if bound else "" for bound in bounds)
        found = self.records.count(self.prefix + prefix, after=after, before=before, most=most)
        assert found == min(most, len(self._between(self.now, self.prefix + prefix, after, before)))

    @invariant()
    def scan(self) -> None:
        found = self.records.scan(self.prefix)
        assert found.records == [self.now[key] for key in sorted(self.now, key=str.encode)]

    def teardown(self) -> None:
        watch = self.records.watch(self.prefix, self.start + 1)
        told = iter(watch)
        assert [next(told) for _ in self.changes] == self.changes
        watch.close()
        assert next(told, None) is None

    def _between(self, state: dict[str, Record], prefix: str, after: str, before: str) -> list[Record]:
        return [
            state[key]
            for key in sorted(state, key=str.encode)
            if key.startswith(prefix)
            and key.encode() > after.encode()
            and (not before or key.encode() < before.encode())
        ]

    def _revision(self, key: str) -> int:
        found = self.now.get(self.prefix + key)
        return found.revision if found else 0

    def _apply(self, writes: dict[str, Any], revision: int) -> None:
        for key, value in writes.items():
            if value is not None:
                self.now[key] = Record(key, value, revision)
            elif self.now.pop(key, None) is None:
                continue
            self.changes.append(Change(key, value, revision))
        self.then[revision] = dict(self.now)
