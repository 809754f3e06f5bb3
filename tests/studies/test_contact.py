"""The contact recordings are read, tied together in time, labelled and cut as the study says."""

import os
from pathlib import Path

import numpy as np
import pytest

from sim.worlds.contact import STABLE, UNSTABLE, WINDOW_LENGTH
from slipway.errors import Reason, Refused
from studies import contact

DATA = Path(os.environ.get("SLIPWAY_DATA", "../shared/data"))
needs_data = pytest.mark.skipif(not (DATA / contact.NAME).is_dir(), reason="no data")


def _walk(late_rows: int = 37) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An IMU in g and deg/s, a force logged ``CLOCK_RATIO`` times as often and late, and when the foot stands."""
    rows = np.arange(2000)
    stands = (rows < 300) | (rows % 180 < 110)
    imu = np.zeros((2000, 6), np.float32)
    imu[:, 1] = -1.0
    imu[~stands, 5] = 300.0
    force_rows = np.arange(int(2000 * contact.CLOCK_RATIO) + late_rows)
    then = np.clip(np.round((force_rows - late_rows) / contact.CLOCK_RATIO), 0, 1999).astype(int)
    return imu, np.where(stands[then], 300.0, 10.0).astype(np.float32), stands


def test_otsu_parts_two_groups_between_them() -> None:
    chance = np.random.default_rng(0)
    values = np.concatenate([chance.normal(20, 5, 300), chance.normal(400, 60, 700)])
    assert 60 < contact.otsu(values) < 250


@pytest.mark.parametrize("late_rows", [0, 37, 120])
def test_two_clocks_are_tied_at_the_first_lift(late_rows: int) -> None:
    imu, force, stands = _walk(late_rows)
    values, labels = contact.aligned(imu, force)
    expected = np.where(stands[: len(labels)], STABLE, UNSTABLE)
    assert len(labels) > 1900 and (labels == expected).mean() > 0.98
    np.testing.assert_allclose(values[0, :3], [0, -9.80665, 0], atol=1e-5)
    np.testing.assert_allclose(values[:, 5].max(), np.deg2rad(300), rtol=1e-5)


def test_a_wrong_clock_is_seen() -> None:
    imu, force, stands = _walk()
    labels = contact.aligned(imu, force[::2])[1]  # as if it were logged half as often
    assert (labels == stands[: len(labels)]).mean() < 0.9


def test_a_window_has_the_class_of_its_last_sample() -> None:
    values = np.arange(100, dtype=np.float32)[:, None]
    made = contact.cut(values, np.arange(100, dtype=np.int32), hop=3)
    np.testing.assert_array_equal(made.labels, made.values[:, -1, 0])
    assert made.values.shape[1] == WINDOW_LENGTH


@needs_data
def test_pool_and_test_share_no_sample() -> None:
    arrays = contact.read(DATA)
    for ground in contact.GROUNDS:
        pool, test = contact._split(arrays, ground)
        known = {tuple(row) for row in pool.values.reshape(-1, 6) if abs(row[5]) > 1}
        assert not known & {tuple(row) for row in test.values.reshape(-1, 6)}


@needs_data
def test_the_recording_gives_both_classes() -> None:
    for domain in contact.domains(DATA):
        assert domain.values.shape[1:] == (WINDOW_LENGTH, 6) and 0.4 < domain.labels.mean() < 0.8


@needs_data
def test_friction_domains_are_labelled_and_differ() -> None:
    source, pool, test = contact.friction_domains(DATA)
    assert source.values.shape[1:] == pool.values.shape[1:] == test.values.shape[1:] == (20, 6)
    assert source.labels.mean() > pool.labels.mean() + 0.05


@needs_data
def test_a_changed_number_is_refused() -> None:
    arrays = {name: array.copy() for name, array in contact.read(DATA).items()}
    arrays["go1_real_normal_fz"][7] += 1
    with pytest.raises(Refused) as caught:
        contact.check(arrays)
    assert caught.value.reason is Reason.RECORDING_DIFFERS
