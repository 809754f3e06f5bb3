"""Windows as other devices would have read them: lawful, repeatable, and different for every window."""

import json
from dataclasses import replace
from math import pi

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nets.augmentation import CHUNK, Augmentation, augmented, drawn, for_sensor, rotations
from slipway.errors import Reason, Refused
from tests.nets.sensors import CLIMBING, IMU, moving, sensor

NONE = Augmentation(6, ((0, 1, 2), (3, 4, 5)))
ALL = for_sensor(IMU)


def _seen(augmentation: Augmentation, values: np.ndarray, seed: int = 0) -> np.ndarray:
    return np.asarray(augmented(jax.random.key(seed), jnp.asarray(values), augmentation))


def test_no_ranges_change_no_bit() -> None:
    np.testing.assert_array_equal(_seen(NONE, moving(5)), moving(5))


def test_a_key_fixes_the_windows_and_another_gives_others() -> None:
    np.testing.assert_array_equal(_seen(ALL, moving(5)), _seen(ALL, moving(5)))
    assert (np.abs(_seen(ALL, moving(5), 1) - _seen(ALL, moving(5))).max((1, 2)) > 0.1).all()


def test_every_window_gets_a_device_of_its_own() -> None:
    same = np.repeat(moving(1), 4, axis=0)
    found = _seen(ALL, same)
    assert min(np.abs(found[i] - found[j]).max() for i in range(4) for j in range(i)) > 0.1


@settings(max_examples=20)
@given(st.integers(0, 999), st.sampled_from([0.2, 1.0, pi]))
def test_a_rotation_turns_all_vectors_of_a_window_alike_and_keeps_every_length(seed: int, limit: float) -> None:
    values = moving(4, seed)
    found = _seen(replace(NONE, rotation_rad=limit), values, seed)
    for vector in (slice(0, 3), slice(3, 6)):
        lengths = np.linalg.norm(values[..., vector], axis=-1)
        np.testing.assert_allclose(np.linalg.norm(found[..., vector], axis=-1), lengths, rtol=1e-4)
    between = (values[..., :3] * values[..., 3:]).sum(-1)
    np.testing.assert_allclose((found[..., :3] * found[..., 3:]).sum(-1), between, atol=1e-3)


@settings(max_examples=10)
@given(st.sampled_from([0.05, 0.5, 2.0, pi]))
def test_rotations_are_proper_within_their_limit_and_even_among_those(limit: float) -> None:
    found = np.asarray(rotations(jax.random.key(0), 4000, limit), np.float64)
    np.testing.assert_allclose(found @ found.swapaxes(1, 2), np.tile(np.eye(3), (4000, 1, 1)), atol=1e-5)
    np.testing.assert_allclose(np.linalg.det(found), 1, atol=1e-5)
    angle = np.arccos(np.clip((np.trace(found, axis1=1, axis2=2) - 1) / 2, -1, 1))
    assert angle.max() <= limit + 1e-3
    share = (angle - np.sin(angle)) / (limit - np.sin(limit))  # even between 0 and 1 where rotations are
    np.testing.assert_allclose(np.quantile(share, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.03)


def test_any_mounting_sends_a_vector_everywhere() -> None:
    found = np.asarray(rotations(jax.random.key(1), 8000, pi))
    for axis in range(3):  # a coordinate of even points on a sphere is even itself (Archimedes)
        np.testing.assert_allclose(np.quantile(found[:, axis, 0], [0.1, 0.5, 0.9]), [-0.8, 0, 0.8], atol=0.04)


def test_gain_bias_and_delay_stay_within_their_ranges_and_reach_them() -> None:
    ones = np.ones((2000, 4, 6), np.float32)
    gained = _seen(replace(NONE, gain_share=0.2), ones)
    assert (np.ptp(gained, axis=1) == 0).all() and 0.8 <= gained.min() < 0.81 and 1.19 < gained.max() <= 1.2001
    bias = (0.1, 0.2, 0.0, 0.0, 0.0, 1.0)
    leaned = _seen(replace(NONE, bias=bias), ones) - 1
    np.testing.assert_allclose(np.abs(leaned).max((0, 1)), bias, rtol=0.02, atol=1e-6)
    ramp = np.tile(np.arange(32, dtype=np.float32)[:, None], (2000, 1, 6))
    lag = (ramp - _seen(replace(NONE, delay_samples=2.5), ramp))[:, 8:-8]
    np.testing.assert_allclose(np.ptp(lag, axis=1), 0, atol=1e-4)
    assert -2.5 <= lag.min() < -2.4 and 2.4 < lag.max() <= 2.5001


def test_noise_is_white_and_within_its_range() -> None:
    found = _seen(replace(NONE, noise=(0.0, 0.5, 0.5, 0.5, 0.5, 0.5)), np.zeros((500, 200, 6), np.float32))
    assert not found[..., 0].any()
    deviation = found[..., 1:].std(1)
    assert deviation.max() < 0.6 and 0.2 < deviation.mean() < 0.3
    hiss = found[..., 1:] / deviation[:, None]
    np.testing.assert_allclose((hiss[:, 1:] * hiss[:, :-1]).mean(), 0, atol=0.02)


def test_a_sensor_says_what_its_devices_differ_by() -> None:
    found = for_sensor(CLIMBING)
    assert found.vectors == ((1, 2, 3), (4, 5, 6)) and found.rotation_rad == pi
    assert found.bias[0] == found.noise[0] == 0.0 and min(found.bias[1:]) > 0  # nothing is known of a pressure's unit
    alone = for_sensor(sensor("force N", time=1))
    assert alone.rotation_rad == alone.delay_samples == 0.0


@settings(max_examples=30)
@given(st.floats(0, pi), st.floats(0, 0.9), st.floats(0, 5), st.lists(st.floats(0, 9), min_size=6, max_size=6))
def test_it_survives_json_and_still_hashes(turn: float, gain: float, delay: float, bias: list[float]) -> None:
    one = replace(NONE, rotation_rad=turn, gain_share=gain, delay_samples=delay, bias=tuple(bias))
    again = Augmentation.from_json(json.loads(json.dumps(one.to_json())))
    assert again == one and hash(again) == hash(one)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rotation_rad", -0.1),
        ("rotation_rad", 4.0),
        ("rotation_rad", float("nan")),
        ("gain_share", 1.0),
        ("delay_samples", float("inf")),
        ("bias", (1.0,)),
        ("noise", (0.0, 0.0, 0.0, 0.0, 0.0, -1.0)),
        ("vectors", ((0, 1),)),
        ("vectors", ((0, 1, 6),)),
        ("vectors", ((0, 1, 2), (2, 3, 4))),
    ],
)
def test_a_range_that_means_nothing_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(Refused) as refused:
        Augmentation.from_json({**NONE.to_json(), field: value})
    assert refused.value.reason is Reason.FIELD_INVALID and refused.value.field == f"augmentation.{field}"


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(Refused, match="spin"):
        Augmentation.from_json({"channels": 6, "spin": 1})


def test_many_windows_are_drawn_in_parts_and_each_part_anew() -> None:
    same = np.repeat(moving(1, time=4), CHUNK + 3, axis=0)
    found = drawn(0, same, ALL)
    assert found.shape == same.shape and np.abs(found[0] - found[CHUNK]).max() > 0.1
    np.testing.assert_array_equal(drawn(0, same, ALL), found)
