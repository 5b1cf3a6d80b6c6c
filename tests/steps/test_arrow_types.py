"""The type that keeps all values of a kind, at the edges of types."""

import pyarrow as pa
import pytest

from fanfold_steps.formats.parquet.arrow_types import arrow_type, fitted
from fanfold_steps.formats.values.kinds import Clash, Exact, Whole

DECIMAL = pa.decimal128(38, 0)


@pytest.mark.parametrize(
    ("low", "high", "type"),
    [
        (0, 0, pa.int64()), (-(2**63), 2**63 - 1, pa.int64()), (-(2**63) - 1, 0, DECIMAL), (0, 2**63, pa.uint64()),
        (-1, 2**63, DECIMAL), (0, 2**64 - 1, pa.uint64()), (0, 2**64, DECIMAL), (2**63, 10**38 - 1, DECIMAL),
    ],
)  # fmt: skip
def test_whole_numbers_have_the_smallest_type_that_keeps_them(low, high, type):
    assert arrow_type(Whole(low, high)) == type


@pytest.mark.parametrize(("whole", "scale"), [(38, 0), (0, 38), (20, 18), (1, 2)])
def test_exact_numbers_have_up_to_38_digits(whole, scale):
    assert arrow_type(Exact(whole, scale)) == pa.decimal128(38, scale)
    with pytest.raises(Clash, match="38 that fit"):
        arrow_type(Exact(39 - scale, scale))


@pytest.mark.parametrize(
    ("type", "most"), [(pa.float64(), 2**53), (pa.float32(), 2**24), (pa.string(), -1), (pa.bool_(), -1)]
)
def test_whole_numbers_fit_a_float_as_long_as_it_keeps_each(type, most):
    for low, high in ((-most, most), (0, most)):
        if most > 0:
            assert fitted(Whole(low, high), type) == Whole(low, high)
    for low, high in ((-most - 1, 0), (0, most + 1), (0, 0) if most < 0 else (0, most + 1)):
        with pytest.raises(Clash, match=f"and {type} is declared"):
            fitted(Whole(low, high), type)
    assert fitted(Whole(0, 2**80), pa.int8()) == Whole(0, 2**80), "its range is looked at when values are cast"
