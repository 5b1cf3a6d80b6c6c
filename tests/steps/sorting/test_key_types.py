"""Keys of the standard library's types and of classes: their order, and the type in which they arrive."""

import enum
import json
import pickle
import subprocess
import sys
import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanfold_steps.sorting import keys
from fanfold_steps.sorting.key_types import encoding
from tests.steps.sorting.test_keys import ATOMS, place

BERLIN = ZoneInfo("Europe/Berlin")


class Pair(NamedTuple):
    left: object
    right: object


class Colour(enum.Enum):
    RED = "r"
    GREEN = "g"
    BLUE = "b"
    CRIMSON = "r"  # noqa: PIE796 — an alias, which is the member itself


class Access(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()


class Size(enum.IntEnum):
    SMALL = 3


class Tone(enum.StrEnum):
    RED = "red"


class Feast(date, enum.Enum):
    NEW_YEAR = 2020, 1, 1


@dataclass(frozen=True)
class Visit:
    host: object
    day: object
    note: str = field(default="", compare=False)


@dataclass(frozen=True)
class Other:
    host: object
    day: object


@dataclass
class Changing:
    host: str


class Pickled(NamedTuple):
    """One whose `==` isn't that of tuples."""

    left: int

    def __eq__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        return 1


OFFSETS = st.one_of(st.just(UTC), st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))))
NUMBERS = st.one_of(
    st.integers(-3, 3),
    st.booleans(),
    st.floats(allow_nan=False),
    st.floats(-2, 2),
    st.decimals(allow_nan=False),
    st.decimals(-2, 2, places=3),
    st.fractions(),
    st.fractions(-2, 2, max_denominator=9),
    st.sampled_from(
        [
            Decimal("-0"),
            Decimal("0.1"),
            0.1,
            Fraction(1, 10),
            Decimal("1E+400"),
            Decimal("1E-400"),
            Fraction(-1, 10**400),
        ]
    ),
)
TIMES = st.one_of(
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=OFFSETS),
    st.times(),
    st.times(timezones=OFFSETS),
    st.timedeltas(),
    st.sampled_from([timedelta.min, timedelta.max, datetime.min, datetime.max, date.min, date.max, time.min, time.max]),
    st.sampled_from([datetime.min.replace(tzinfo=timezone(timedelta(hours=23))), datetime.max.replace(tzinfo=UTC)]),
    st.sampled_from([datetime(2020, 10, 25, 2, 30, tzinfo=BERLIN, fold=fold) for fold in (0, 1)]),
    st.sampled_from([time(1, 2, tzinfo=BERLIN), time(1, 2, fold=1), datetime(2020, 1, 1, fold=1)]),
)
CLASSES = st.sampled_from([*Colour, *Access, Access.READ | Access.WRITE, Size.SMALL, Tone.RED])
LEAVES = st.one_of(ATOMS, NUMBERS, TIMES, st.uuids(), CLASSES)
KEYS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple),
        st.builds(Pair, inner, inner),
        st.builds(Visit, inner, inner, st.sampled_from(["", "seen"])),
        st.builds(Other, inner, inner),
    ),
    max_leaves=5,
)


def ordered(key: object) -> Any:
    """The documented order, said with Python's own comparison."""
    if isinstance(key, Pair | tuple):
        return 4, [ordered(part) for part in key]
    if isinstance(key, Decimal | Fraction):
        return place(float(key)) if isinstance(key, Decimal) and key.is_infinite() else (1, 0, Fraction(key))
    if isinstance(key, timedelta):
        return 5, key
    if isinstance(key, datetime):
        return (7, key.replace(fold=0)) if key.utcoffset() is None else (8, _since(key))
    if isinstance(key, date):
        return 6, key
    if isinstance(key, time):
        since = timedelta(hours=key.hour, minutes=key.minute, seconds=key.second, microseconds=key.microsecond)
        return 9, key.utcoffset() is not None, since - (key.utcoffset() or timedelta())
    if isinstance(key, uuid.UUID):
        return 10, key
    if isinstance(key, Colour):
        return 11, f"{__name__}:Colour", list(Colour).index(key)
    if isinstance(key, Access):
        return 11, f"{__name__}:Access", key.value
    if isinstance(key, Visit | Other):
        return 11, f"{__name__}:{type(key).__name__}", [ordered(key.host), ordered(key.day)]
    plain = int(key) if isinstance(key, Size) else str(key) if isinstance(key, Tone) else key
    return place(plain)


def _since(key: datetime) -> timedelta:
    offset = key.utcoffset()
    assert offset is not None
    return key.replace(tzinfo=None) - datetime(1, 1, 1) - offset


def spelling(key: object) -> object:
    """What tells apart what is equal: types through and through, the zone, the fold, fields that don't compare."""
    if isinstance(key, tuple):
        return type(key), [spelling(part) for part in key]
    return type(key), repr(key), getattr(key, "note", None)


@pytest.mark.parametrize(
    "key", [date(2020, 1, 31), datetime(2020, 1, 31, 12), time(12, 30), timedelta(-1, 5, 7), uuid.UUID(int=7)]
)
def test_the_first_key_of_a_type_that_a_worker_decodes_is_decoded(key: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reducer has encoded none before it; the decoders of these types are added when they are needed."""
    encoded = bytes(keys.encode((1, key)))
    monkeypatch.setattr(encoding, "DECODERS", {})
    assert keys.decode(encoded) == (1, key)


@pytest.mark.thorough
@given(KEYS)
def test_a_key_arrives_as_it_was_yielded_in_its_type(key):
    encoded = keys.encode(key)
    assert spelling(keys.decode(encoded)) == spelling(key)
    assert spelling(keys.decode(pickle.loads(pickle.dumps(encoded)))) == spelling(key)


@given(KEYS, KEYS)
def test_keys_compare_as_their_bytes_alone_and_in_tuples(left, right):
    for one, two in (
        (left, right),
        ((left, 1), (right, 1)),
        ((left,), (right, None)),
        (Visit(left, 1), Visit(right, 0)),
    ):
        assert (keys.encode(one) < keys.encode(two)) == (ordered(one) < ordered(two))
        assert (keys.encode(one) == keys.encode(two)) == (ordered(one) == ordered(two))


@given(NUMBERS, NUMBERS)
def test_numbers_of_all_types_compare_as_python_does(left, right):
    assert (keys.encode(left) == keys.encode(right)) == (left == right)
    if {type(left), type(right)} != {Decimal, Fraction}:  # which Python doesn't put in order
        assert (keys.encode(left) < keys.encode(right)) == (left < right)


@given(st.fractions(-2, 2), st.sampled_from([10**20, 2**80, 10**400, 3**50]), st.integers(-3, 3))
def test_fractions_close_to_one_another(number, fine, steps):
    close = number + Fraction(steps, fine)
    for left, right in ((number, close), ((number, b"\xff"), (close, None))):
        assert (keys.encode(left) < keys.encode(right)) == (ordered(left) < ordered(right))


@given(KEYS, KEYS)
def test_keys_that_python_has_for_equal_are_one_key(left, right):
    def fits(key: object) -> bool:  # an instant in the hour that is repeated is told apart from the other
        return "Berlin" not in repr(key)

    if fits(left) and fits(right):
        assert (keys.encode(left) == keys.encode(right)) == (left == right)


@given(st.lists(KEYS))
def test_a_dict_of_exact_keys_is_one_of_their_bytes(some):
    kept = {keys.exact(key): None for key in some}
    assert [keys.encode(key) for key in kept] == list(dict.fromkeys(map(keys.encode, some)))
    assert [spelling(keys.original(key)) for key in kept] == [
        spelling(keys.decode(encoded)) for encoded in dict.fromkeys(map(keys.encode, some))
    ]


SEVERAL = [
    date(2020, 1, 1),
    ("a", datetime(2020, 1, 1, 12)),
    datetime(2020, 1, 1, tzinfo=UTC),
    Decimal("0.1"),
    Fraction(1, 3),
    uuid.UUID(int=7),
    Colour.GREEN,
    Visit("a", time(1)),
    Pair("a", Access.READ),
]


@pytest.mark.thorough
def test_every_process_has_the_same_bytes():
    """They decide the partition, so they may depend on neither the hash seed nor what was met before."""
    program = (
        "import json; from tests.steps.sorting.test_key_types import SEVERAL, keys;"
        "print(json.dumps([keys.encode(key).hex() for key in SEVERAL]))"
    )
    for seed in ("0", "1"):
        run = subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        )
        assert json.loads(run.stdout) == [keys.encode(key).hex() for key in SEVERAL]


def test_the_bytes_never_change():
    """They decide which part a key's line lies in, as in `test_partitions_are_known_numbers`."""
    assert [keys.encode(key).hex() for key in SEVERAL[:6]] == [
        "090b4091",
        "070561000a00e25b11d011b00000",
        "0b00e35b07c1260000",
        "03000f3fb99999999999990ffefefe010101fefefdff",
        "03000f3fd55555555555550ffefefcff",
        "0d00000000000000000000000000000007",
    ]


def local_class() -> type:
    class Local(NamedTuple):
        left: int

    return Local


class Hidden(enum.Enum):
    ONE = 1


Shown, Hidden = Hidden, None  # type: ignore[misc, assignment]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (Decimal("NaN"), "NaN can't be a key"),
        (("a", Decimal("sNaN")), "NaN can't be a key"),
        (Visit("a", float("nan")), "NaN can't be a key"),
        (Decimal("1E+1000000"), "exponent of at most 10,000, not Decimal"),
        (Visit("a", [1]), r"not list \(\[1\]\)"),
        (Changing("a"), r"write @dataclass\(frozen=True\) before Changing"),
        (local_class()(1), "test_key_types:local_class.<locals>.Local: define it at the top level"),
        (Shown.ONE, "test_key_types:Hidden: define it at the top level"),
        (Pickled(1), "Pickled has an __eq__ or a __hash__ of its own"),
    ],
)
def test_a_key_that_has_no_place_is_refused_in_words(key, words):
    for encode in (keys.encode, keys.exact):
        with pytest.raises(keys.UnsortableKey, match=words):
            encode(key)


class Precise(datetime):
    """As pandas has it: more than a datetime holds."""

    nanosecond = 7

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Precise)

    def __hash__(self) -> int:
        return 7


class Text(str):
    pass


def test_other_derived_types_arrive_as_the_plain_one_if_that_is_the_same_key():
    assert spelling(keys.decode(keys.encode(("x", Text("a"))))) == spelling(("x", "a"))
    assert spelling(keys.decode(keys.encode(Feast.NEW_YEAR))) == spelling(Feast.NEW_YEAR)
    assert keys.encode(Feast.NEW_YEAR) == keys.encode(date(2020, 1, 1))
    with pytest.raises(keys.UnsortableKey, match="by which it would be sorted"):
        keys.encode(Precise(2020, 1, 1))
