"""What a recording is reduced to: of fixed length, each statistic where its name says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.identify import summaries as module
from sim.identify.summaries import names, of_recording

named, summaries = jax.jit(module.named), jax.jit(module.summaries)


def noise(*shape: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(1).normal(size=shape), jnp.float32)


@pytest.mark.parametrize("shape", [(24, 1, 24), (4, 16, 2), (1, 64, 6), (1, 4, 1), (1, 1, 3)])
def test_length_does_not_depend_on_the_number_of_flights(shape: tuple[int, int, int]) -> None:
    few, many = summaries(noise(2, *shape)), summaries(noise(9, *shape))
    assert few.shape == many.shape == (shape[-1], len(names(shape)))
    assert len(set(names(shape))) == len(names(shape))
    assert np.isfinite(few).all() and np.isfinite(many).all()


def test_a_channel_that_never_moves_stays_finite() -> None:
    assert np.isfinite(summaries(noise(3, 4, 16, 2) * jnp.array([0.0, 1.0])[None, None, None])).all()


@settings(max_examples=20)
@given(st.floats(0.1, 10), st.floats(-5, 5))
def test_a_gain_and_an_offset_move_level_and_spread_and_nothing_else(gain: float, offset: float) -> None:
    plain = noise(8, 4, 16, 2)
    before, after = named(plain), named(plain * gain + offset)
    assert np.allclose(after["mean"], before["mean"] * gain + offset, atol=1e-3)
    assert np.allclose(after["log deviation"], before["log deviation"] + np.log(gain), atol=1e-3)
    assert np.allclose(after["correlation 1 on"], before["correlation 1 on"], atol=1e-3)
    assert np.allclose(after["spread within a flight"], before["spread within a flight"], atol=1e-3)


def test_a_slow_and_a_fast_oscillation_differ_in_their_octaves() -> None:
    time = jnp.arange(64, dtype=jnp.float32) / 64
    both = jnp.stack([jnp.sin(2 * jnp.pi * 2.5 * time), jnp.sin(2 * jnp.pi * 24 * time)], axis=1)
    found = named(jnp.broadcast_to(both, (3, 2, 64, 2)))
    octaves = jnp.stack([value for name, value in found.items() if name.startswith("power")])
    assert octaves.argmax(axis=0).tolist() == [1, 4]  # 2-4 and 16-32 cycles a window


def test_windows_of_one_sample_are_read_as_one_signal() -> None:
    ramp = jnp.arange(24, dtype=jnp.float32).reshape(1, 24, 1, 1)
    assert float(named(ramp)["mean change over 4 samples"][0]) == pytest.approx(np.log(4), abs=1e-5)


def test_saturation_and_repeats_are_counted() -> None:
    found = named(jnp.clip(noise(4, 4, 64, 1), -10.0, 0.0))
    assert float(found["share at the highest value"][0]) == pytest.approx(0.5, abs=0.06)
    assert float(found["share of repeated samples"][0]) == pytest.approx(0.25, abs=0.05)


def test_wandering_between_flights_is_apart_from_spread_within() -> None:
    level = jnp.arange(8, dtype=jnp.float32).reshape(8, 1, 1, 1)
    still, moving = jnp.broadcast_to(level, (8, 4, 16, 1)), noise(8, 4, 16, 1)
    assert float(named(still)["spread within a flight"][0]) < 1e-3
    assert float(named(moving)["spread within a flight"][0]) > 0.9


def test_a_longer_recording_gives_the_same_statistics_with_less_noise() -> None:
    values = np.random.default_rng(0).normal(size=(4 * 8 * 50, 16, 1)).astype(np.float32)
    short = np.stack([of_recording(part, 4, 8) for part in np.split(values, 50)])
    whole = of_recording(values, 4, 8)
    largest = names((4, 16, 1)).index("100% quantile")
    assert (np.abs(whole - short.mean(axis=0)) <= 0.5 * short.std(axis=0)).all()
    assert whole[0, largest] < 0.95 * values.max()  # the largest of a short one, not of them all
