"""A sine at another rate is the same sine; what the new rate cannot hold does not fold back into it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nets.resampling import CROSSINGS, resample, resampled_count
from slipway.windows import Values


def sine(hz: float, rate_hz: float, count: int, phase: float = 0.3) -> Values:
    seconds = np.arange(count) / rate_hz
    return np.sin(2 * np.pi * hz * seconds + phase).astype(np.float32)[None, :, None]


@pytest.mark.parametrize(("given_hz", "wanted_hz"), [(100.0, 50.0), (50.0, 100.0), (44.1, 50.0), (200.0, 30.0)])
def test_a_sine_is_itself_at_the_new_rate(given_hz: float, wanted_hz: float) -> None:
    found = resample(sine(3.0, given_hz, 600), given_hz, wanted_hz)
    expected = sine(3.0, wanted_hz, found.shape[1])
    edge = int(np.ceil(CROSSINGS * max(wanted_hz / given_hz, 1.0))) + 1
    np.testing.assert_allclose(found[:, edge:-edge], expected[:, edge:-edge], atol=2e-3)
    np.testing.assert_allclose(found, expected, atol=0.1)  # the ends are guessed from one side


def test_a_tone_above_the_new_nyquist_frequency_does_not_fold() -> None:
    tone = sine(40.0, 100.0, 600)
    assert np.abs(resample(tone, 100.0, 50.0)[:, 20:-20]).max() < 2e-3
    assert np.abs(tone[:, ::2][:, 20:-20]).max() > 0.9  # every second sample alone would have folded it to 10 Hz


def test_one_rate_changes_nothing() -> None:
    values = np.random.default_rng(0).standard_normal((2, 9, 3)).astype(np.float32)
    assert resample(values, 50.0, 50.0 + 1e-9) is values


@given(st.floats(5.0, 500.0), st.floats(5.0, 500.0), st.integers(2, 60), st.floats(-100, 100), st.floats(-3, 3))
def test_a_straight_line_stays_one(given_hz: float, wanted_hz: float, count: int, start: float, slope: float) -> None:
    line = (start + slope * np.arange(count)).astype(np.float32)[None, :, None]
    found = resample(line, given_hz, wanted_hz)[0, :, 0]
    assert len(found) == resampled_count(count, given_hz, wanted_hz)
    expected = start + slope * np.arange(len(found)) * given_hz / wanted_hz
    np.testing.assert_allclose(found, expected, atol=2e-3 * (abs(slope) * max(given_hz / wanted_hz, 1) + 0.1))
