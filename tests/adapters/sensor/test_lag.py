"""How much later one group of channels reads than another."""

from dataclasses import replace

import numpy as np
import pytest

from adapters.sensor.fault import no_fault
from adapters.sensor.lag import correlation, lags
from tests.adapters.devices import moved, read, worn

FINE = no_fault(6)


def late(samples):
    return replace(FINE, lag=np.repeat([0.0, samples], 3))


@pytest.mark.parametrize("samples", [-3.0, 0.0, 0.6, 2.5])
def test_a_lag_is_found_within_half_a_sample(samples):
    source, target = read(moved(300, 0)[0], FINE), read(moved(200, 1)[0], late(samples))
    found = lags(FINE, worn().sensor, target, source)
    np.testing.assert_allclose(found.lag, late(samples).lag, atol=0.2)


def test_channels_that_have_nothing_in_common_have_no_lag():
    random = np.random.default_rng(0)
    source, target = (random.standard_normal((200, 64, 6)).astype(np.float32) for _ in range(2))
    assert not lags(FINE, worn().sensor, target, source).lag.any()


def test_a_correlation_peaks_where_one_signal_repeats_the_other():
    signal = np.random.default_rng(1).standard_normal((50, 69, 1))
    both = np.concatenate([signal[:, 5:], signal[:, :-5]], axis=2)  # the second shows the first five samples later
    found = correlation(both.astype(np.float32), (0,), (1,), 8)[:, 0, 0]
    assert found.argmax() - 8 == 5 and found.max() > 0.9
