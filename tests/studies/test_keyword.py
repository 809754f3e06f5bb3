"""The recording is the published one, and its test takes are those of the source."""

import os
from pathlib import Path

import numpy as np
import pytest

from sim.worlds.keyword import TASK
from slipway.errors import Reason, Refused
from studies.keyword import NAME, centred, content_sha256, domains, load


@pytest.fixture(scope="module")
def folder() -> Path:
    root = Path(os.environ.get("SLIPWAY_DATA", "/nowhere"))
    if not (root / NAME).is_dir():
        pytest.skip("no data")
    return root


def _made_up(tmp_path: Path) -> tuple[Path, str]:
    """Two digits, one speaker, six takes each, of 100 samples."""
    file = tmp_path / "made_up.npz"
    audio = np.arange(1200, dtype=np.int16)
    digit, speaker = np.repeat([0, 1], 6).astype(np.int8), np.zeros(12, np.int8)
    take, offsets = np.tile(np.arange(6), 2).astype(np.int16), np.arange(0, 1201, 100)
    np.savez(file, audio=audio, offsets=offsets, digit=digit, speaker=speaker, take=take)
    return file, content_sha256(audio, offsets, digit, speaker, take)


def test_pool_and_test_are_the_sources_takes(folder: Path) -> None:
    pool, test = domains(folder)
    assert pool.values.shape == (2700, *TASK.sensor.window_shape) and pool.values.dtype == np.float32
    assert np.bincount(pool.labels).tolist() == [270] * 10 and np.bincount(test.labels).tolist() == [30] * 10
    seen = {window.tobytes() for window in pool.values}
    assert not any(window.tobytes() in seen for window in test.values)


def test_every_recording_becomes_a_window(tmp_path: Path) -> None:
    file, sha256 = _made_up(tmp_path)
    recording = load(file, sha256)
    assert recording.values.shape == (12, 8000, 1) and recording.labels.tolist() == [0] * 6 + [1] * 6
    assert recording.values[3].sum() == pytest.approx(np.arange(300, 400).sum() / 32768, rel=1e-5)


def test_a_changed_sample_is_refused(tmp_path: Path) -> None:
    file, sha256 = _made_up(tmp_path)
    arrays = dict(np.load(file))
    arrays["audio"][7] += 1
    np.savez(file, **arrays)
    with pytest.raises(Refused) as found:
        load(file, sha256)
    assert found.value.reason is Reason.RECORDING_DIFFERS


@pytest.mark.parametrize("length", [1, 2, 100, 7999, 8000, 8001, 8002, 18262])
def test_a_wave_lies_in_the_middle_and_loses_as_much_at_either_end(length: int) -> None:
    wave = np.arange(1, length + 1).astype(np.int16)
    window = np.round(centred(wave) * 32768).astype(int)
    found = np.flatnonzero(window)
    assert window.shape == (8000,) and len(found) == min(length, 8000)
    before, after = (found[0], 7999 - found[-1]) if length < 8000 else (window[0] - 1, length - window[-1])
    assert abs(int(before) - int(after)) <= 1
