"""What every store of objects promises; a backend's tests are a subclass that says where to put them."""

import contextlib
import hashlib
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fanfold_storage.errors import InvalidKey, NotFound, TooLarge, Unavailable
from fanfold_storage.objects import Objects, read_all
from fanfold_storage.urls import join_url, open_objects, split_url
from tests.storage.processes import answer, python
from tests.waiting import at_once

MIB = 1024 * 1024

# Segments that sort otherwise as text, as folders and as bytes.
SEGMENTS = st.sampled_from(
    ["a", "a-", "a.txt", "a b", "aa", "A", "b", "0", "é", "z\U0001f40d", "%2F", "a+b", "~", "Z%"]
)
# The last segment differs from every folder's, as a file system cannot have a file and a folder of one name.
KEYS = st.builds(lambda folders, name: "/".join([*folders, name + "_"]), st.lists(SEGMENTS, max_size=3), SEGMENTS)
LIMITS = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class ObjectsContract:
    """The tests; `place` is a URL that nothing lies at yet, and the environment to open it with."""

    @pytest.fixture
    def place(self) -> tuple[str, Mapping[str, str]]:
        raise NotImplementedError

    @pytest.fixture
    def unseen(self) -> Callable[[str], list[str]]:
        """What the store itself, asked past Fanfold, still holds of writes of a key that were begun."""
        raise NotImplementedError

    @pytest.fixture
    def objects(self, place: tuple[str, Mapping[str, str]]) -> Objects:
        return open_objects(*place)

    def test_what_is_put_can_be_read_listed_and_deleted(self, objects: Objects) -> None:
        assert objects.put("a/b.txt", [b"one", b"", b"two"]) == 6
        assert read_all(objects, "a/b.txt") == b"onetwo"
        stat = objects.stat("a/b.txt")
        assert (stat.key, stat.size) == ("a/b.txt", 6)
        assert [(found.key, found.size) for found in objects.list()] == [("a/b.txt", 6)]
        objects.delete("a/b.txt")
        assert list(objects.list()) == []
        with pytest.raises(NotFound):
            objects.stat("a/b.txt")

    def test_what_was_opened_is_one_version(self, objects: Objects) -> None:
        """Size and bytes belong together, or reading says that it can't go on."""
        objects.put("k", [b"the first version"])
        opened = objects.open("k")
        assert (opened.stat.key, opened.stat.size) == ("k", 17)
        assert b"".join(opened.read(4, 9)) == b"first" and list(opened.read(3, 3)) == []
        objects.put("k", [b"another"])
        with contextlib.suppress(Unavailable):
            assert b"".join(opened.read(0, 17)) == b"the first version"
        opened.close()
        other = objects.open("k")
        assert (other.stat.size, b"".join(other.read(0, 7))) == (7, b"another")
        assert other.version != opened.version
        other.close()
        with pytest.raises(NotFound):
            objects.open("none")

    def test_what_is_larger_than_it_may_be_is_not_read(self, objects: Objects) -> None:
        objects.put("k", [b"12345"])
        assert read_all(objects, "k", most=5) == b"12345"
        with pytest.raises(TooLarge):
            read_all(objects, "k", most=4)

    def test_put_replaces(self, objects: Objects) -> None:
        objects.put("k", [b"a longer first version"])
        assert objects.put("k", [b"second"]) == 6
        assert read_all(objects, "k") == b"second"

    def test_empty_objects(self, objects: Objects) -> None:
        assert objects.put("nothing", []) == 0
        assert read_all(objects, "nothing") == b""
        assert list(objects.read("nothing", 0, 5)) == []
        assert objects.stat("nothing").size == 0
        assert objects.put_if_absent("nothing-2", b"")
        assert [found.key for found in objects.list()] == ["nothing", "nothing-2"]

    def test_what_is_not_there(self, objects: Objects) -> None:
        assert list(objects.list()) == []
        for start, stop in [(0, None), (3, None), (0, 0), (5, 2)]:
            with pytest.raises(NotFound):
                list(objects.read("missing/key", start, stop))
        with pytest.raises(NotFound):
            objects.stat("missing/key")
        objects.delete("missing/key")
        objects.put("folder/key", [b"x"])
        with pytest.raises(NotFound):
            objects.stat("folder")
        with pytest.raises(NotFound):
            read_all(objects, "folder")
        objects.delete("folder")
        assert read_all(objects, "folder/key") == b"x"

    def test_modified_is_now(self, objects: Objects) -> None:
        objects.put("first", [b"1"])
        objects.put("second", [b"2"])
        first, second = objects.stat("first").modified, objects.stat("second").modified
        assert 0 <= second - first < 60
        assert [found.modified for found in objects.list()] == [first, second]

    @pytest.mark.parametrize(
        "key",
        [
            "",
            "/a",
            "a/",
            "a//b",
            "..",
            "a/../b",
            "./a",
            "a\0b",
            "a\nb",
            "x" * 256,
            "x/" * 600 + "x",
            ".staged/x",
            "a/.staged/x",
            ".staged",
        ],
    )
    def test_keys_that_no_store_may_hold(self, objects: Objects, key: str) -> None:
        for refused in (
            lambda: objects.put(key, [b"x"]),
            lambda: objects.put_if_absent(key, b"x"),
            lambda: objects.stage(key),
            lambda: read_all(objects, key),
            lambda: objects.stat(key),
            lambda: objects.delete(key),
        ):
            with pytest.raises(InvalidKey):
                refused()

    @pytest.mark.parametrize("prefix", ["../", "/", "a//b", "a/../../b"])
    def test_prefixes_that_lead_elsewhere(self, objects: Objects, prefix: str) -> None:
        with pytest.raises(InvalidKey):
            list(objects.list(prefix))

    @pytest.mark.parametrize("handle", ["", "{}", "[]", "nonsense", '{"staged": "../x", "key": "../x"}'])
    def test_handles_that_are_none(self, objects: Objects, handle: str) -> None:
        for refused in (objects.commit, objects.abort):
            with pytest.raises(InvalidKey):
                refused(handle)

    def test_ranges(self, objects: Objects) -> None:
        content = bytes(range(256)) * 9000  # more than two chunks
        objects.put("content", [content])
        edges = st.sampled_from([0, 1, MIB - 1, MIB, MIB + 1, len(content) - 1, len(content), len(content) + 1])
        offsets = edges | st.integers(0, len(content) + 10)

        @given(start=offsets, stop=st.none() | offsets)
        @LIMITS
        def cut_like_slices(start: int, stop: int | None) -> None:
            chunks = list(objects.read("content", start, stop))
            assert b"".join(chunks) == content[start:stop]
            assert all(0 < len(chunk) <= MIB for chunk in chunks)

        cut_like_slices()

    def test_list_is_in_the_order_of_the_keys_bytes(self, objects: Objects) -> None:
        @given(keys=st.sets(KEYS, max_size=8), prefix=st.sampled_from(["", "a", "a/", "a-", "é", "a/a", "A/b/"]))
        @LIMITS
        def sorted_and_filtered(keys: set[str], prefix: str) -> None:
            for key in keys:
                objects.put(key, [key.encode()])
            try:
                expected = sorted((key for key in keys if key.startswith(prefix)), key=str.encode)
                assert [found.key for found in objects.list(prefix)] == expected
                shallow = [key for key in expected if key.count("/") < 2]
                assert [found.key for found in objects.list(prefix, deepest=2)] == shallow
                assert {found.key: found.size for found in objects.list()} == {k: len(k.encode()) for k in keys}
            finally:
                for key in keys:
                    objects.delete(key)
            assert list(objects.list()) == []

        sorted_and_filtered()

    def test_a_put_whose_source_fails_writes_nothing(self, objects: Objects) -> None:
        def fail_after(size: int) -> Iterator[bytes]:
            yield b"x" * size
            raise ZeroDivisionError("the source's own")

        objects.put("old", [b"kept"])
        for key in ("old", "new"):
            for size in (10, 10 * MIB):
                with pytest.raises(ZeroDivisionError, match="the source's own"):
                    objects.put(key, fail_after(size))
        assert [found.key for found in objects.list()] == ["old"]
        assert read_all(objects, "old") == b"kept"

    def test_large_objects_stream_through_little_memory(self, objects: Objects) -> None:
        block = bytes(range(256)) * 1024
        tracemalloc.start()
        try:
            size = objects.put("large", (block for _ in range(256)))
            read = 0
            for chunk in objects.read("large"):
                assert chunk[:2] == block[read % len(block) :][:2]
                read += len(chunk)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert size == read == 64 * MIB
        assert peak < 40 * MIB

    def test_a_large_object_comes_back_by_ranges(self, objects: Objects) -> None:
        blocks = [hashlib.sha256(b"%d" % number).digest() * 32768 for number in range(70)]
        assert objects.put("large", blocks) == objects.stat("large").size == 70 * MIB
        for start, stop in [(0, 10), (8 * MIB - 5, 8 * MIB + 5), (64 * MIB - 1, 66 * MIB), (70 * MIB - 3, None)]:
            first = start // MIB
            within = b"".join(blocks[first : (stop or 70 * MIB) // MIB + 1])
            expected = within[start - first * MIB : None if stop is None else stop - first * MIB]
            assert b"".join(objects.read("large", start, stop)) == expected
        digest = hashlib.sha256()
        for chunk in objects.read("large"):
            digest.update(chunk)
        assert digest.digest() == hashlib.sha256(b"".join(blocks)).digest()

    @staticmethod
    def _claim(objects: Objects, key: str, number: int) -> bool:
        return objects.put_if_absent(key, b"by %d" % number)

    def test_of_many_threads_one_creates(self, objects: Objects) -> None:
        for turn in range(2):
            key = f"claims/{turn}"
            won = at_once(16, partial(self._claim, objects, key))
            assert sorted(won) == [False] * 15 + [True]
            assert read_all(objects, key) == b"by %d" % won.index(True)

    def test_of_many_threads_one_hints(self, objects: Objects) -> None:
        def claim(number: int) -> int:
            return sum(objects.put_if_absent(f"claims/{turn}", b"by %d" % number, hint=True) for turn in range(40))

        assert sum(at_once(4, claim)) == 40
        assert len(list(objects.list("claims/"))) == 40

    def test_hints_are_objects_like_others(self, objects: Objects) -> None:
        for key in ("a", "b/c", "d"):
            assert objects.put_if_absent(key, b"same", hint=True)
            assert not objects.put_if_absent(key, b"other", hint=True)
            assert not objects.put_if_absent(key, b"same", hint=True)
        assert objects.put("b/c", [b"replaced"], hint=True) == 8
        objects.delete("d")
        assert objects.put_if_absent("e", b"same", hint=True)
        assert {stat.key: read_all(objects, stat.key) for stat in objects.list()} == {
            "a": b"same",
            "b/c": b"replaced",
            "e": b"same",
        }

    def test_of_many_processes_one_creates_each(self, place: tuple[str, Mapping[str, str]], objects: Objects) -> None:
        code = """
objects = open_objects(sys.argv[1])
for number in range(15):
    if objects.put_if_absent(f"claims/{number}", sys.argv[2].encode()):
        print(number)
"""
        url, environ = place
        running = [python(code, url, str(process), environ=environ) for process in range(3)]
        won = [answer(process).split() for process in running]
        assert sorted(int(number) for numbers in won for number in numbers) == list(range(15))
        for process, numbers in enumerate(won):
            for number in numbers:
                assert read_all(objects, f"claims/{number}") == b"%d" % process

    def test_staged_writes_show_once_committed(self, objects: Objects) -> None:
        for size in (0, 5, 9 * MIB):
            content = b"s" * size
            staged = objects.stage("out/part")
            staged.write(content[:3])
            staged.write(content[3:])
            handle = staged.seal()
            assert list(objects.list()) == []
            with pytest.raises(NotFound):
                read_all(objects, "out/part")
            objects.commit(handle)
            assert read_all(objects, "out/part") == content
            objects.commit(handle)
            objects.abort(handle)
            assert read_all(objects, "out/part") == content
            assert [found.key for found in objects.list()] == ["out/part"]
            objects.delete("out/part")

    def test_a_commit_replaces(self, objects: Objects) -> None:
        objects.put("k", [b"old"])
        staged = objects.stage("k")
        staged.write(b"new")
        objects.commit(staged.seal())
        assert read_all(objects, "k") == b"new"

    def test_aborted_writes_leave_nothing(self, objects: Objects) -> None:
        for size in (0, 5, 9 * MIB):
            unsealed = objects.stage("out/part")
            unsealed.write(b"s" * size)
            unsealed.abort()
            sealed = objects.stage("out/part")
            sealed.write(b"s" * size)
            handle = sealed.seal()
            objects.abort(handle)
            objects.abort(handle)
            with pytest.raises(NotFound):
                objects.commit(handle)
            assert list(objects.list()) == []

    def test_of_what_is_given_up_or_done_nothing_unseen_is_left(
        self, objects: Objects, unseen: Callable[[str], list[str]]
    ) -> None:
        def break_off(size: int) -> Iterator[bytes]:
            for _ in range(0, size, MIB):
                yield b"x" * MIB
            raise ZeroDivisionError

        for size in (MIB, 20 * MIB):
            with pytest.raises(ZeroDivisionError):
                objects.put("broken off", break_off(size))
            assert unseen("broken off") == []
            staged = objects.stage("given up")
            staged.write(b"x" * size)
            assert (unseen("given up") != []) == (size > 8 * MIB or "file:" in objects.url)
            staged.abort()
            assert unseen("given up") == []
            assert objects.put("done", [b"x" * MIB] * (size // MIB)) == size
            assert unseen("done") == []

    def test_another_process_commits_by_the_handle(
        self, place: tuple[str, Mapping[str, str]], objects: Objects
    ) -> None:
        url, environ = place
        key = "long/" + "é" * 100 + "/" + "%~" * 60 + "/part"
        staged = objects.stage(key)
        staged.write(b"from one")
        handle = staged.seal()
        code = "open_objects(sys.argv[1]).commit(sys.argv[2])"
        answer(python(code, url, handle, environ=environ))
        assert read_all(objects, key) == b"from one"

    def test_a_writer_that_is_killed_shows_nothing(
        self, place: tuple[str, Mapping[str, str]], objects: Objects
    ) -> None:
        url, environ = place
        code = """
staged = open_objects(sys.argv[1]).stage("out/part")
staged.write(b"k" * 9_000_000)
if sys.argv[2] == "sealed":
    print(staged.seal(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
        assert answer(python(code, url, "unsealed", environ=environ), status=-9) == ""
        handle = answer(python(code, url, "sealed", environ=environ), status=-9)
        assert list(objects.list()) == []
        objects.commit(handle)
        assert objects.stat("out/part").size == 9_000_000
        objects.sweep()
        assert [found.key for found in objects.list()] == ["out/part"]

    def test_sweep_drops_staged_writes_under_the_prefix_alone(self, objects: Objects) -> None:
        def stage(key: str) -> str:
            staged = objects.stage(key)
            staged.write(b"x")
            return staged.seal()

        inside, beside, committed = stage("jobs/1/part"), stage("jobs/10/part"), stage("jobs/1/done")
        objects.commit(committed)
        objects.sweep("jobs/1/")
        with pytest.raises(NotFound):
            objects.commit(inside)
        objects.commit(beside)
        assert [found.key for found in objects.list()] == ["jobs/1/done", "jobs/10/part"]

    def test_sweep_keeps_the_sealed_writes_that_it_is_told_of(self, objects: Objects) -> None:
        kept, dropped, again = (self._sealed(objects, key) for key in ("out/a", "out/b", "out/a"))
        objects.sweep(keep=[kept, "no handle"])
        assert [objects.is_staged(handle) for handle in (kept, dropped, again)] == [True, False, False]
        objects.sweep("out/", keep=[kept])
        objects.commit(kept)
        assert objects.is_staged(kept) and [found.key for found in objects.list()] == ["out/a"]

    def test_a_write_is_staged_until_it_is_discarded(self, objects: Objects) -> None:
        handle = self._sealed(objects, "deep/part")
        assert objects.is_staged(handle)
        objects.abort(handle)
        assert not objects.is_staged(handle)
        for forged in ("", "{}", "[1]", "no handle", "[" * 100_000):
            with pytest.raises(InvalidKey):
                objects.is_staged(forged)

    def _sealed(self, objects: Objects, key: str) -> str:
        staged = objects.stage(key)
        staged.write(b"x")
        return staged.seal()

    def test_staged_writes_do_not_show_in_a_store_around(
        self, place: tuple[str, Mapping[str, str]], objects: Objects
    ) -> None:
        inner = open_objects(objects.url + "counts/", place[1])
        inner.put_if_absent("part-0", b"x")
        staged = inner.stage("part-1")
        handle = staged.seal()
        assert [found.key for found in objects.list()] == ["counts/part-0"]
        assert list(objects.list("counts/.staged/")) == []
        inner.commit(handle)
        assert [found.key for found in objects.list("counts/")] == ["counts/part-0", "counts/part-1"]

    def test_puts_and_deletes_in_one_folder_at_once(self, objects: Objects) -> None:
        def put_and_delete(number: int) -> None:
            for turn in range(10):
                objects.put(f"busy/folder/{number}", [b"x" * turn])
                assert objects.stat(f"busy/folder/{number}").size == turn
                objects.delete(f"busy/folder/{number}")

        at_once(8, put_and_delete)
        assert list(objects.list()) == []

    def test_its_url_opens_it_again(self, place: tuple[str, Mapping[str, str]], objects: Objects) -> None:
        objects.put("a/b", [b"x"])
        assert objects.url.endswith("/")
        again = open_objects(objects.url, place[1])
        assert again.url == objects.url
        assert read_all(again, "a/b") == b"x"
        inner = open_objects(objects.url + "a/", place[1])
        assert [found.key for found in inner.list()] == ["b"]

    def test_an_objects_url_leads_to_it(self, place: tuple[str, Mapping[str, str]], objects: Objects) -> None:
        for key in ("k", "a/b", "a b/c d", "é/%2F+é", "a/#?;&=%"):
            objects.put(key, [key.encode()])
            root, name = split_url(join_url(objects.url, key))
            assert read_all(open_objects(root, place[1]), name) == key.encode()
