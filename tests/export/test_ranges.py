"""What a byte should cover: everything, all but some percent, or what costs the least squared error."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.folding import fold
from export.ranges import MSE, SHRINKS, grid, least_squares, span, squared_error
from export.sensitivity import clips_by_tensor
from tests.export.examples import example, windows


def test_a_grid_holds_zero_exactly() -> None:
    for low, high in [(-1.0, 3.0), (2.0, 5.0), (-4.0, -1.0), (0.0, 0.0)]:
        found = grid(low, high)
        assert found.scale > 0 and found.real(np.array([found.zero], np.uint8))[0] == 0


def test_min_max_and_percentile_ranges() -> None:
    values = np.arange(1001, dtype=np.float32)
    assert span(values, 0) == (0, 1000)
    assert span(values, 1) == (10, 990)


def test_an_even_spread_is_covered_whole() -> None:
    values = np.random.default_rng(0).uniform(-1, 3, 50_000).astype(np.float32)
    assert span(values, MSE) == pytest.approx((values.min(), values.max()))


def test_a_long_tail_is_cut_where_its_few_numbers_cost_less_than_a_coarser_step() -> None:
    values = np.random.default_rng(0).standard_t(3, 60_000).astype(np.float32)
    low, high = span(values, MSE)
    assert values.min() < low < 0 < high < values.max()
    assert squared_error(values, low, high) < 0.9 * squared_error(values, *span(values, 0))


def test_a_rectified_tensor_keeps_zero_as_its_lower_end() -> None:
    values = np.maximum(np.random.default_rng(0).laplace(size=60_000), 0).astype(np.float32)
    assert span(values, MSE)[0] == 0 and 0 < span(values, MSE)[1] <= values.max()


def test_one_long_end_is_cut_by_itself() -> None:
    random = np.random.default_rng(0)
    values = np.concatenate([random.uniform(-4, 0, 30_000), random.exponential(1, 30_000)]).astype(np.float32)
    low, high = least_squares(values)
    assert low / values.min() > high / values.max()


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(0, 10_000), st.sampled_from(["normal", "laplace", "exponential"]), st.floats(1e-3, 1e3))
def test_no_shrunk_range_is_better_than_the_one_found(seed: int, kind: str, size: float) -> None:
    random = np.random.default_rng(seed)
    values = (size * getattr(random, kind)(size=2000)).astype(np.float32)
    found = squared_error(values, *least_squares(values))
    low, high = min(values.min(), 0), max(values.max(), 0)
    assert all(found <= squared_error(values, float(low * share), float(high * share)) for share in SHRINKS)


def test_a_constant_tensor_has_a_range() -> None:
    for constant in (0.0, 3.0, -2.0):
        low, high = span(np.full(100, constant, np.float32), MSE)
        assert np.isfinite([low, high]).all() and grid(low, high).scale > 0


def test_the_tensor_whose_tail_does_not_matter_is_cut_and_the_one_that_does_is_not() -> None:
    made = example("cnn")
    values = windows(made, 256)
    values[:3] *= 50  # a few broken windows: to cover them costs all others
    found = clips_by_tensor(fold(made), values, (0.0, 2.0))
    assert list(found) == ["entry", "1", "5", "7"] and set(found.values()) <= {0.0, 2.0}
    assert set(clips_by_tensor(fold(made), windows(made, 256), (0.0, 20.0)).values()) == {0.0}
