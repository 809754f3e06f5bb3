"""The recording is the published one, evenly sampled, cut by majority and split by person."""

import os
from pathlib import Path

import numpy as np
import pytest

from slipway.errors import Reason, Refused
from studies import wearable
from studies.wearable import PHONE, WATCH, Recording, cut, domains, load, pair, resample


@pytest.fixture(scope="module")
def folder() -> Path:
    root = os.environ.get("SLIPWAY_DATA")
    if not root or not (Path(root) / wearable.NAME).is_dir():
        pytest.skip("no data")
    return Path(root)


def _recording(labels: list[int], lengths: list[int]) -> Recording:
    label = np.repeat(np.int32(labels), lengths)
    values = np.arange(len(label) * 6, dtype=np.float32).reshape(-1, 6)
    return Recording(values, label, PHONE, 1)


def test_resampling_draws_straight_lines_and_keeps_the_label_before() -> None:
    seconds = np.array([0.0, 0.01, 0.05, 0.05, 0.1])
    values = np.array([[0.0], [1.0], [5.0], [99.0], [10.0]], np.float32)
    even, labels = resample(seconds, values, np.int8([0, 0, 1, 2, 2]), rate_hz=50.0)
    np.testing.assert_allclose(even[:, 0], [0, 2, 4, 6, 8], atol=1e-5)
    assert labels.tolist() == [0, 0, 0, 1, 1] and even.dtype == np.float32 and labels.dtype == np.int32


def test_windows_hop_by_half_and_carry_the_majority() -> None:
    made = cut(_recording([2, 3], [64, 96]))
    assert made.values.shape[1:] == (64, 6)
    assert made.labels.tolist() == [2, 3, 3]  # the one in between is half and half
    assert made.values[1, 0, 0] == 64 * 6


@pytest.mark.parametrize(("first", "kept"), [(38, 0), (39, 1)])
def test_a_window_needs_six_tenths(first: int, kept: int) -> None:
    made = cut(_recording([0, 1, 2], [first, 13, 64 - 13 - first]))
    assert len(made.labels) == kept


def test_a_recording_shorter_than_a_window_gives_none() -> None:
    assert cut(_recording([0], [63])).values.shape == (0, 64, 6)


def test_pool_and_test_are_other_people(folder: Path) -> None:
    pool, test = domains(PHONE, folder)
    assert pool.values.shape == (2077, 64, 6) and len(test.labels) > 700
    assert pool.values.dtype == np.float32 and pool.labels.dtype == np.int32
    assert set(np.unique(pool.labels)) == set(range(5))


def test_a_pair_is_one_devices_labels_for_anothers_windows(folder: Path) -> None:
    source, pool, test = pair(PHONE, WATCH, folder)
    assert np.array_equal(source.values, domains(PHONE, folder)[0].values)
    assert np.array_equal(test.values, domains(WATCH, folder)[1].values)
    assert len(source.labels) != len(test.labels) and not np.array_equal(source.values[:9], pool.values[:9])


def test_one_changed_byte_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "some.npz"
    file.write_bytes(b"not the recording")
    with pytest.raises(Refused) as refusal:
        load(file)
    assert refusal.value.reason is Reason.RECORDING_DIFFERS


def test_two_studies_ask_what_the_worlds_ask() -> None:
    assert [study.name for study in wearable.STUDIES] == ["wearable_phone", "wearable_watch"]
    assert [study.task.name for study in wearable.STUDIES] == ["wearable_phone", "wearable_watch"]
    assert all(study.hop == 32 and study.recording == "phone_watch_har" for study in wearable.STUDIES)
