"""Windows of one sensor as another would have given them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nets.reconcile import input_means, reconcile
from slipway.errors import Refused
from slipway.spec import Channel, SensorSpec
from slipway.windows import Values
from tests.nets.models import small

PHONE = SensorSpec((Channel("acc", "[g]"), Channel("gyr", "deg/s"), Channel("light", "lx")), 100.0, 128)
WATCH = SensorSpec((Channel("gyr", "rad/s"), Channel("acc", "m/s2")), 50.0, 64)


def readings(sensor: SensorSpec, count: int = 3, seed: int = 0) -> Values:
    """Slow waves (count, time, channels), another one in each channel."""
    random = np.random.default_rng(seed)
    seconds = np.arange(sensor.window_length) / sensor.rate_hz
    hz = random.uniform(0.5, 2.0, (count, 1, len(sensor.channels)))
    return np.sin(2 * np.pi * hz * seconds[None, :, None]).astype(np.float32)


def test_channels_units_and_rate_become_the_wanted_ones() -> None:
    values = readings(PHONE)
    found = reconcile(values, PHONE, WATCH)
    assert found.values.shape == (3, 64, 2) and found.values.dtype == np.float32
    inner = slice(8, -8)
    np.testing.assert_allclose(found.values[:, inner, 1], 9.80665 * values[:, ::2, 0][:, inner], atol=0.02)
    np.testing.assert_allclose(found.values[:, inner, 0], np.pi / 180 * values[:, ::2, 1][:, inner], atol=5e-5)
    assert found.steps == (
        "gyr: deg/s became rad/s, times 0.0174533",
        "acc: [g] became m/s2, times 9.80665",
        "left out: light",
        "channels: put in another order",
        "rate: 100 Hz became 50 Hz",
    )


def test_equal_sensors_change_nothing_and_say_so() -> None:
    values = readings(PHONE)
    found = reconcile(values, PHONE, PHONE)
    np.testing.assert_array_equal(found.values, values)
    assert found.steps == () and found.rows.tolist() == [0, 1, 2]


def test_a_long_recording_is_cut_from_its_end_and_its_answers_follow() -> None:
    long = SensorSpec((Channel("x", "1"),), 10.0, 10)
    short = SensorSpec((Channel("x", "1"),), 10.0, 4)
    values = np.arange(20, dtype=np.float32).reshape(2, 10, 1)
    last = reconcile(values, long, short)
    assert last.values[:, :, 0].tolist() == [[6, 7, 8, 9], [16, 17, 18, 19]]
    several = reconcile(values, long, short, hop=3)
    assert several.values[:3, 0, 0].tolist() == [0, 3, 6]
    assert several.answers(np.array([5, 7])).tolist() == [5, 5, 5, 7, 7, 7]


def test_a_single_reading_has_no_rate() -> None:
    slow, fast = (SensorSpec((Channel("range", unit),), rate, 1) for unit, rate in (("cm", 9.0), ("m", 20.0)))
    found = reconcile(np.full((2, 1, 1), 250.0), slow, fast)
    assert found.values.ravel().tolist() == [2.5, 2.5]


def test_a_missing_channel_is_filled_only_when_that_is_allowed() -> None:
    wanted = SensorSpec((*WATCH.channels, Channel("c1", "1")), 50.0, 64)
    with pytest.raises(Refused, match="c1: was not measured"):
        reconcile(readings(PHONE), PHONE, wanted)
    means = input_means(small(seed=3))
    found = reconcile(readings(PHONE), PHONE, wanted, fill=means)
    assert (found.values[:, :, 2] == np.float32(means["c1"])).all()
    assert any(step.startswith("c1: not measured, filled with") for step in found.steps)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (SensorSpec((Channel("acc", "s"),), 100.0, 128), "cannot be told in 's'"),
        (SensorSpec((Channel("acc", "m/s2"),), 50.0, 65), "windows of 1.28 s cannot give 1.3 s"),
        (SensorSpec((Channel("up", "m"), Channel("down", "m")), 100.0, 128), "nor were down"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(wanted: SensorSpec, words: str) -> None:
    with pytest.raises(Refused, match=words):
        reconcile(readings(PHONE), PHONE, wanted)


def test_windows_that_are_not_the_given_sensor_s_are_refused() -> None:
    with pytest.raises(Refused):
        reconcile(readings(WATCH), PHONE, WATCH)
    with pytest.raises(Refused, match="finite"):
        reconcile(readings(PHONE), PHONE, SensorSpec((Channel("y", "1"),), 100.0, 128), fill={"y": np.nan})


@given(st.permutations(range(4)), st.sampled_from(["m", "cm", "mm", "km"]), st.integers(0, 100))
def test_there_and_back_gives_the_windows_again(order: list[int], unit: str, seed: int) -> None:
    channels = tuple(Channel(f"x{i}", "m") for i in range(4))
    one = SensorSpec(channels, 20.0, 5)
    other = SensorSpec(tuple(Channel(f"x{i}", unit) for i in order), 20.0, 5)
    values = np.random.default_rng(seed).standard_normal((3, 5, 4)).astype(np.float32)
    there = reconcile(values, one, other)
    back = reconcile(there.values, other, one)
    np.testing.assert_allclose(back.values, values, rtol=1e-6)
