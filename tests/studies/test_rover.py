"""The recording is the published one, and is cut in time."""

import os
from pathlib import Path

import numpy as np
import pytest

from sim.worlds.rover import TASK, rule
from slipway.errors import Reason, Refused
from slipway.windows import UNLABELLED
from studies import rover
from studies.labels import few_labels
from studies.rover import Recording, content_sha256, find, load, split


@pytest.fixture(scope="module")
def recording() -> Recording:
    found = find()
    if found is None:
        pytest.skip("no data")
    return found


def _made_up(count: int = 100) -> Recording:
    return Recording(
        np.arange(count * 24, dtype=np.float32).reshape(count, 1, 24), np.arange(count, dtype=np.int32) % 4
    )


def test_the_recording_is_windows_of_the_task(recording: Recording) -> None:
    assert recording.values.shape == (5456, *TASK.sensor.window_shape) and recording.values.dtype == np.float32
    assert recording.labels.dtype == np.int32
    assert np.bincount(recording.labels).tolist() == [2205, 826, 2097, 328]


def test_the_pool_obeys_the_published_rule(recording: Recording) -> None:
    pool, _ = split(recording)
    assert np.mean(np.asarray(rule(pool.values[:, 0])) == pool.labels) == pytest.approx(0.99, abs=0.002)


def test_classes_are_the_worlds_in_its_order() -> None:
    assert TASK.classes == rover.CLASSES


def test_pool_and_test_are_apart_in_time() -> None:
    whole = _made_up()
    pool, test = split(whole)
    assert len(pool.labels) == 60 and len(test.labels) == 30
    assert np.array_equal(pool.values, whole.values[:60]) and np.array_equal(test.values, whole.values[70:])


def test_few_labels_keeps_so_many_of_each_class_by_seed() -> None:
    labels = _made_up().labels
    kept = few_labels(labels, 5, seed=0)
    assert np.bincount(kept[kept != UNLABELLED]).tolist() == [5, 5, 5, 5]
    assert np.all((kept == labels) | (kept == UNLABELLED))
    assert np.array_equal(kept, few_labels(labels, 5, seed=0))
    assert not np.array_equal(kept, few_labels(labels, 5, seed=1))


def test_a_class_with_too_few_windows_gives_what_it_has() -> None:
    assert np.sum(few_labels(np.array([0, 0, 1], np.int32), 5, seed=0) != UNLABELLED) == 3


def test_no_folder_no_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLIPWAY_DATA", raising=False)
    assert find() is None and find(tmp_path) is None


def test_one_changed_number_is_refused(tmp_path: Path) -> None:
    whole = _made_up()
    x, y = whole.values[:, 0], whole.labels.astype(np.int8)
    pin = content_sha256(x, y)
    file = tmp_path / "some.npz"
    np.savez(file, x=x, y=y)
    assert np.array_equal(load(file, pin).values, whole.values)
    x = x.copy()
    x[7, 3] += 0.001
    np.savez(file, x=x, y=y)
    with pytest.raises(Refused) as refusal:
        load(file, pin)
    assert refusal.value.reason is Reason.RECORDING_DIFFERS


def test_a_recording_below_the_folder_is_verified(tmp_path: Path) -> None:
    folder = tmp_path / rover.NAME
    os.mkdir(folder)
    np.savez(folder / f"{rover.NAME}.npz", x=np.zeros((3, 24), np.float32), y=np.zeros(3, np.int8))
    with pytest.raises(Refused):
        find(tmp_path)
