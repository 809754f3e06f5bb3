"""The front layers compute what their physics says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st

from nets.front_math import delayed
from nets.layers import (
    Correct,
    Dense,
    Flatten,
    GravityFrame,
    Layer,
    Normalize,
    Spectrum,
    VectorNorms,
    fixed_count,
    from_json,
    shapes,
    to_json,
)
from nets.network import Network, SensorCorrection, initial_arrays, names_of
from tests.nets.sensors import moving, rotation

VECTORS = ((0, 1, 2), (3, 4, 5))
NORMS, GRAVITY = VectorNorms(VECTORS), GravityFrame(VECTORS)
SPECTRUM = Spectrum(16, 8, 4, 1e-8)


def _out(layer: Layer, values: np.ndarray, **arrays: np.ndarray) -> np.ndarray:
    network = Network((layer,), {f"0.{name}": array for name, array in arrays.items()})
    return np.asarray(network.run(jnp.asarray(values, jnp.float32), 0, 1))


def _turned(values: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Every vector of the windows under one mounting."""
    return np.concatenate([values[..., :3] @ matrix.T, values[..., 3:6] @ matrix.T], axis=-1)


@settings(max_examples=20)
@given(st.integers(0, 999))
def test_a_norm_is_the_same_under_every_mounting(seed: int) -> None:
    values = moving(4, seed)
    found = _out(NORMS, values)
    np.testing.assert_allclose(found[..., 0], np.linalg.norm(values[..., :3], axis=-1), rtol=1e-6)
    np.testing.assert_allclose(_out(NORMS, _turned(values, rotation(seed))), found, rtol=1e-5, atol=1e-5)


@settings(max_examples=20)
@given(st.integers(0, 999))
def test_what_lies_along_gravity_and_across_it_is_the_same_under_every_mounting(seed: int) -> None:
    values = moving(4, seed)
    np.testing.assert_allclose(_out(GRAVITY, _turned(values, rotation(seed))), _out(GRAVITY, values), atol=2e-5)


def test_a_mounting_of_one_vector_alone_shows_in_the_gravity_frame() -> None:
    """The comparison above would notice: gravity has to turn with the rest."""
    values = moving(4)
    half = np.concatenate([values[..., :3], values[..., 3:] @ rotation(0).T], axis=-1)
    assert np.abs(_out(GRAVITY, half) - _out(GRAVITY, values)).max() > 0.5


def test_the_gravity_frame_of_a_level_sensor_is_its_z_and_the_length_of_the_rest() -> None:
    values = moving(3)
    values[..., :3] -= values[..., :3].mean(1, keepdims=True) - np.array([0, 0, 9.81], np.float32)
    expected = [values[..., 2], values[..., 5], np.hypot(*values[..., :2].T).T, np.hypot(*values[..., 3:5].T).T]
    np.testing.assert_allclose(_out(GRAVITY, values), np.stack(expected, -1), atol=1e-4)


def test_channels_in_no_vector_follow_as_they_are() -> None:
    values = np.concatenate([np.full((2, 32, 1), 7.0), moving(2)], axis=-1)
    shifted = ((1, 2, 3), (4, 5, 6))
    np.testing.assert_array_equal(_out(VectorNorms(shifted), values)[..., 2], 7.0)
    np.testing.assert_array_equal(_out(GravityFrame(shifted), values)[..., 4], 7.0)


def test_a_window_without_gravity_has_no_vertical_and_a_finite_gradient() -> None:
    found = _out(GRAVITY, np.zeros((1, 8, 6)))
    np.testing.assert_array_equal(found, 0.0)
    for layer in (GRAVITY, NORMS):
        slope = jax.grad(lambda x, layer=layer: Network((layer,), {}).run(x, 0, 1).sum())(jnp.zeros((1, 8, 6)))
        assert np.isfinite(slope).all()


@settings(max_examples=20)
@given(st.integers(0, 99), st.sampled_from([(16, 8, 4), (32, 32, 16), (15, 5, 3)]))
def test_a_spectrum_is_the_power_of_the_fourier_transform(seed: int, form: tuple[int, int, int]) -> None:
    frame, hop, bins = form
    values = moving(2, seed)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frame) / frame)
    member = np.arange(frame // 2) * bins // (frame // 2)
    rows = []
    for at in range(0, 32 - frame + 1, hop):
        part = values[:, at : at + frame].astype(np.float64)
        tapered = (part - part.mean(1, keepdims=True)) * (2 / hann.sum() * hann)[:, None]
        power = np.abs(np.fft.rfft(tapered, axis=1)[:, 1:]) ** 2
        rows.append(np.stack([power[:, member == one].mean(1) for one in range(bins)], axis=2))
    expected = np.log(np.stack(rows, 1) + 1e-8).reshape(2, -1, 6 * bins)
    np.testing.assert_allclose(_out(Spectrum(frame, hop, bins, 1e-8), values), expected, atol=1e-3)


def test_a_tone_is_loudest_in_its_own_bin_and_its_gain_is_an_offset_of_them_all() -> None:
    tone = np.sin(2 * np.pi * 5 * np.arange(64) / 16)[None, :, None] + 9.81  # frequency 5 of 8
    found = _out(Spectrum(16, 8, 8, 1e-12), tone)
    assert set(found.argmax(-1).ravel()) == {4}
    np.testing.assert_allclose(found.max(), 0.0, atol=1e-3)  # amplitude 1, power 1
    loud = _out(Spectrum(16, 8, 8, 1e-12), 3 * tone)
    np.testing.assert_allclose((loud - found)[..., 4], 2 * np.log(3), atol=1e-3)


def test_a_constant_channel_is_silence() -> None:
    np.testing.assert_allclose(_out(SPECTRUM, np.full((1, 64, 2), 9.81)), np.log(1e-8), rtol=1e-6)


def _identity(channels: int = 6) -> dict[str, np.ndarray]:
    zeros = np.zeros(channels, np.float32)
    return {"matrix": np.eye(channels, dtype=np.float32), "offset": zeros, "delay": zeros}


@settings(max_examples=20)
@given(st.integers(0, 99), st.sampled_from([1e-6, 1.0, 1e6]))
def test_a_correction_of_nothing_changes_no_bit(seed: int, scale: float) -> None:
    values = (scale * moving(3, seed)).astype(np.float32)
    np.testing.assert_array_equal(_out(Correct(), values, **_identity()), values)


def test_a_correction_is_late_then_mixed_then_offset() -> None:
    values = moving(2)
    delay = np.array([0.0, 1.0, -2.0, 0.25, 100.0, -100.0], np.float32)
    matrix = np.random.default_rng(0).normal(size=(6, 6)).astype(np.float32)
    offset = np.arange(6, dtype=np.float32)
    time = np.arange(32)
    late = np.stack([[np.interp(time - delay[c], time, one[:, c]) for c in range(6)] for one in values])
    expected = late.swapaxes(1, 2) @ matrix + offset
    np.testing.assert_allclose(_out(Correct(), values, matrix=matrix, offset=offset, delay=delay), expected, atol=2e-4)


def test_the_slope_in_a_delay_is_that_of_the_line_between_two_samples() -> None:
    values = jnp.asarray(moving(1))
    delay = jnp.array([0.3, -1.4, 2.5, 0.5, -0.25, 7.75])
    slope = jax.grad(lambda d: delayed(values, d).sum())(delay)
    step = 1e-2
    numeric = [
        float(delayed(values, delay.at[c].add(step)).sum() - delayed(values, delay.at[c].add(-step)).sum()) / (2 * step)
        for c in range(6)
    ]
    np.testing.assert_allclose(slope, numeric, atol=5e-2)


def test_a_delay_is_found_by_its_gradient() -> None:
    time = np.arange(64)
    wave = np.sin(time / 6)[None, :, None].astype(np.float32)
    late = np.sin((time - 1.7) / 6)[None, :, None].astype(np.float32)
    slope = jax.jit(jax.grad(lambda d: jnp.square(delayed(jnp.asarray(wave), d) - late)[:, 4:-4].mean()))
    delay = jnp.zeros(1)
    for _ in range(200):
        delay = delay - 20 * slope(delay)
    np.testing.assert_allclose(delay, 1.7, atol=0.02)


def test_only_the_corrections_own_kind_of_number_moves_it() -> None:
    layers = (Correct(), NORMS, Normalize(), Flatten(), Dense(2))
    arrays = initial_arrays(layers, (8, 6), 0)
    assert names_of(layers, arrays, SensorCorrection) == {"0.matrix", "0.offset", "0.delay"}
    assert names_of(layers, arrays, nnx.Param) == {"4.kernel", "4.bias"}
    for name, array in _identity().items():
        np.testing.assert_array_equal(arrays[f"0.{name}"], array)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (VectorNorms(()), (8, 6)),
        (VectorNorms(((0, 1, 6),)), (8, 6)),
        (VectorNorms(((0, 1, 2), (2, 3, 4))), (8, 6)),
        (VectorNorms(((0, 0, 1),)), (8, 6)),
        (GravityFrame(VECTORS, 2), (8, 6)),
        (GravityFrame(VECTORS, -1), (8, 6)),
        (GravityFrame(((0, 1, 2), (3, 4))), (8, 6)),
        (SPECTRUM, (15, 6)),
        (Spectrum(16, 0, 4, 1e-8), (64, 6)),
        (Spectrum(16, 8, 9, 1e-8), (64, 6)),
        (Correct(), (6,)),
    ],
    ids=str,
)
def test_a_layer_that_does_not_fit_is_refused_by_name(layer: Layer, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=type(layer).__name__):
        shapes((layer,), shape)


def test_records_survive_json_as_values_that_compile() -> None:
    layers = (Correct(), GRAVITY, NORMS, SPECTRUM, Normalize())
    again = from_json(to_json(layers))
    assert again == layers and hash(again) == hash(layers)
    assert from_json([{"kind": "VectorNorms", "vectors": [[0, 1, 2]]}])[0] == VectorNorms(((0, 1, 2),))


def test_only_what_holds_no_numbers_is_fixed() -> None:
    assert fixed_count((NORMS, Normalize())) == 1 and fixed_count((SPECTRUM, Normalize(), GRAVITY)) == 1
    assert fixed_count((Correct(), NORMS)) == 0
