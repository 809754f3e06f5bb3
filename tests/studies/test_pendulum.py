"""The pendulum's recording: resampled, cut and split so that nothing is shared."""

import os
from pathlib import Path

import numpy as np
import pytest

from slipway.errors import Reason, Refused
from studies import pendulum

DATA = Path(os.environ.get("SLIPWAY_DATA", "nowhere"))
needs_data = pytest.mark.skipif(not (DATA / pendulum.NAME).is_dir(), reason="no data")


def test_uneven_samples_come_out_even() -> None:
    chance = np.random.default_rng(0)
    seconds = np.sort(chance.uniform(0, 2, 2000))
    signals = np.stack([seconds, 3 - 2 * seconds], axis=1).astype(np.float32)
    found = pendulum.resampled(seconds, signals)
    middles = seconds[0] + (np.arange(len(found)) + 7 / 16) / 200
    np.testing.assert_allclose(found[:, 0], middles, atol=1e-5)
    np.testing.assert_allclose(found[:, 1], 3 - 2 * middles, atol=1e-5)


def test_a_repeated_time_stamp_is_dropped() -> None:
    seconds = np.repeat(np.arange(0, 0.1, 0.002), 2)
    found = pendulum.resampled(seconds, np.stack([seconds, seconds], axis=1).astype(np.float32))
    assert np.isfinite(found).all() and len(found) == 19


def test_the_label_is_the_torque_over_its_window() -> None:
    run = np.arange(40, dtype=np.float32)[:, None] + np.arange(6, dtype=np.float32) / 10
    found = pendulum.cut(run, 16, 2)
    assert found.values.shape == (13, 16, 4)
    np.testing.assert_allclose(found.labels[:, 0], found.values[:, :, 0].mean(1) + 0.4, atol=1e-5)


def test_a_stretch_ends_after_its_seconds() -> None:
    found = pendulum.stretch([np.zeros((1999, 6), np.float32)] * 4, 30.0)
    assert [len(run) for run in found] == [1999, 1999, 1999] and sum(map(len, found)) <= 6000


@needs_data
def test_pool_and_test_share_no_run() -> None:
    pool, test = pendulum.runs(DATA, "C.0")
    assert len(pool) == 4 and len(test) == 8
    assert not any(np.array_equal(one, other) for one in pool for other in test)


@needs_data
def test_another_file_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        pendulum.runs(DATA, "C.0", sha256="0" * 64)
    assert caught.value.reason == Reason.RECORDING_DIFFERS


@needs_data
def test_the_published_parameters_explain_less_than_those_identified() -> None:
    pool, _ = pendulum.runs(DATA, "C.0")
    theirs = pendulum.explained(pendulum.published(DATA), pool, pendulum.IDENTIFY_LENGTH)
    ours = pendulum.explained(pendulum.identified(DATA).prior.centre(), pool, pendulum.IDENTIFY_LENGTH)
    assert (ours > theirs + 0.2).all() and ours.mean() > 0.8
