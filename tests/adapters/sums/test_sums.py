"""What devices send in place of windows: the same bytes whatever the order, and nothing that no windows could give."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from adapters.sums.codec import from_bytes, from_json, to_bytes, to_json
from adapters.sums.sums import Sums, mean_and_covariance, mean_and_variance, merged, sums_of
from slipway.errors import Reason, Refused

floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
tables = arrays.arrays(np.float32, st.tuples(st.integers(1, 12), st.just(3)), elements=floats)


@st.composite
def partitions(draw):
    """Rows, and the same rows in another order cut into parts that are merged in a tree of any shape."""
    rows = draw(tables)
    order = draw(st.permutations(range(len(rows))))
    cuts = sorted(draw(st.sets(st.integers(1, len(rows) - 1)))) if len(rows) > 1 else []
    return rows, np.split(rows[list(order)], cuts), draw(st.randoms(use_true_random=False))


@given(partitions(), st.booleans())
def test_any_partition_in_any_order_gives_the_same_bytes(given_partition, paired):
    rows, parts, random = given_partition
    sums = [sums_of(part, paired=paired) for part in parts]
    while len(sums) > 1:
        first, second = (sums.pop(random.randrange(len(sums))) for _ in range(2))
        sums.append(merged([first, second]))
    assert to_bytes(sums[0]) == to_bytes(sums_of(rows, paired=paired))


def test_a_running_double_would_not_have_the_same_bits():
    """The planted fault: the property above fails for sums in double precision."""
    rows = np.exp(9 * np.random.default_rng(0).standard_normal((1000, 1))).astype(np.float32)
    assert sum(rows[:, 0].tolist()) != sum(rows[::-1, 0].tolist())
    assert to_bytes(sums_of(rows)) == to_bytes(sums_of(rows[::-1]))


@given(tables, st.booleans())
def test_bytes_and_json_come_back(rows, paired):
    sums = sums_of(rows, paired=paired)
    assert from_bytes(to_bytes(sums)) == sums
    assert from_json(to_json(sums)) == sums


def test_the_moments_are_those_of_the_rows():
    random = np.random.default_rng(1)
    rows = (random.standard_normal((500, 4)) @ random.standard_normal((4, 4)) + 3).astype(np.float32)
    mean, covariance = mean_and_covariance(sums_of(rows, paired=True))
    np.testing.assert_allclose(mean, rows.astype(np.float64).mean(0), rtol=1e-14)
    np.testing.assert_allclose(covariance, np.cov(rows.astype(np.float64).T, bias=True), rtol=1e-10)
    np.testing.assert_allclose(mean_and_variance(sums_of(rows))[1], np.diag(covariance), rtol=1e-15)


def test_a_small_deviation_about_a_large_mean_survives():
    rows = (2.0**20 + np.array([[-0.25], [0.25]])).astype(np.float32)
    assert mean_and_variance(sums_of(rows))[1].tolist() == [0.0625]


def test_rows_of_low_rank_are_accepted():
    random = np.random.default_rng(2)
    rows = np.repeat(random.standard_normal((40, 2)).astype(np.float32), 20, axis=1)
    assert sums_of(rows, paired=True).channels == 40
    assert sums_of(rows[:1], paired=True).count == 1


@pytest.mark.parametrize(
    "rows",
    [np.zeros((0, 3)), np.zeros(3), np.array([[1.0, np.nan]]), np.array([[np.inf, 1.0]]), np.array([[1e39, 1.0]])],
    ids=["none", "flat", "nan", "infinite", "over float32"],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_rows_that_cannot_be_summed_are_refused(rows):
    with pytest.raises(Refused) as refused:
        sums_of(rows)
    assert refused.value.reason is Reason.FIELD_INVALID


ONE = 2**149
IMPOSSIBLE = {
    "no rows": (0, (0,), (0,)),
    "no channels": (1, (), ()),
    "too few squares": (2, (0, 0, 0), (1, 1)),
    "negative square": (2, (0,), (-1,)),
    "negative variance": (2, (2 * ONE,), (ONE**2,)),
    "correlation over 1": (4, (0, 0), (ONE**2, 2 * ONE**2, ONE**2)),
    "not positive": (9, (0, 0, 0), (10, -9, 10, -9, -9, 10)),
    "sum over float32": (1, (2**277,), (2**554,)),
}


@pytest.mark.parametrize("parts", IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_sums_that_no_rows_can_have_are_refused(parts):
    with pytest.raises(Refused) as refused:
        Sums(*parts)
    assert refused.value.reason is Reason.FIELD_INVALID and refused.value.remedy


def test_there_is_a_limit_on_rows_and_channels():
    for sums in ((2**49, (0,), (0,)), (1, (0,) * 5000, (0,) * 5000), (1, (0,) * 2000, (0,) * 2001000)):
        with pytest.raises(Refused) as refused:
            Sums(*sums)
        assert refused.value.reason is Reason.LIMIT_EXCEEDED


def test_parts_of_different_kinds_do_not_merge():
    rows = np.ones((3, 2), np.float32)
    for parts in ([], [sums_of(rows), sums_of(rows, paired=True)], [sums_of(rows), sums_of(rows[:, :1])]):
        with pytest.raises(Refused, match="part"):
            merged(parts)


GOOD = to_bytes(sums_of(np.array([[1.0, -2.5], [0.5, 4.0]], np.float32), paired=True))


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_a_damaged_byte_is_refused_or_is_other_sums(place, change):
    damaged = bytearray(GOOD)
    damaged[place] ^= change
    try:
        found = from_bytes(bytes(damaged))
    except Refused:
        return
    assert to_bytes(found) == bytes(damaged) != GOOD


@pytest.mark.parametrize("data", [b"", GOOD[:-1], GOOD + b"\0", b"SUMS2" + GOOD[5:], GOOD[:5] + b"\xff" * 16])
def test_bytes_of_another_form_are_refused(data):
    with pytest.raises(Refused):
        from_bytes(data)


def test_a_longer_form_of_the_same_sums_is_refused():
    loose = b"SUMS1" + (1).to_bytes(8, "little") + (1).to_bytes(4, "little") * 2 + b"\0\0\x02\0\0\0\0\0\x01\0\0"
    with pytest.raises(Refused, match="shortest form"):
        from_bytes(loose)


@pytest.mark.parametrize(
    "value",
    [{}, {"count": True, "sum": [], "outer": []}, {"count": 1, "sum": "0", "outer": ["0"]},
     {"count": 1, "sum": ["0x1"], "outer": ["1"]}, {"count": 1, "sum": [1], "outer": ["1"]},
     {"count": 1, "sum": ["-0"], "outer": ["0"]}, {"count": 1, "sum": ["f" * 500], "outer": ["1"]}],
)  # fmt: skip
def test_json_of_another_form_is_refused(value):
    with pytest.raises(Refused):
        from_json(value)
