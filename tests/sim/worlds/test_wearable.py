"""The wearable worlds keep the contract, label what was done, and feel gravity and turning."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sim.body.activity import CLASSES, RATE_HZ, SCRIPT, SEATED, TURNING, WALKING, plan_s
from sim.body.places import WATCH, Worn
from sim.body.rotation import Vector, about_z
from sim.body.skeleton import Frame
from sim.generate import windows
from sim.worlds import wearable
from sim.worlds.wearable import FLIGHT_SAMPLES, PURITY, WEARABLE_PHONE, WEARABLE_WATCH, WINDOW_LENGTH, WINDOWS_A_PART

KEY = jax.random.key(0)
Made = tuple[np.ndarray, np.ndarray]


@pytest.fixture(autouse=True)
def strict() -> Iterator[None]:
    with jax.numpy_rank_promotion("raise"), jax.numpy_dtype_promotion("strict"):
        yield


@pytest.fixture(scope="module")
def phone() -> Made:
    return windows(WEARABLE_PHONE, KEY, 4096)


def test_every_activity_has_its_share(phone: Made) -> None:
    counts = np.bincount([SCRIPT[part] for part, n in enumerate(WINDOWS_A_PART) for _ in range(n)])
    np.testing.assert_allclose(np.bincount(phone[1]) / 4096, counts / counts.sum())


def test_gravity_is_what_a_still_phone_reads(phone: Made) -> None:
    values, labels = phone
    seated = np.linalg.norm(values[labels == SEATED][..., :3].mean(1), axis=1)
    assert np.median(seated) == pytest.approx(9.81, abs=0.3)


def test_who_turns_turns_about_the_vertical(phone: Made) -> None:
    values, labels = phone
    up = values[..., :3].mean(1)
    turned = np.abs((values[..., 3:].mean(1) * up).sum(1) / np.linalg.norm(up, axis=1))
    assert np.median(turned[labels == TURNING]) > 1.2 > 0.4 > np.median(turned[labels == SEATED])


def test_who_walks_shakes_at_the_cadence(phone: Made) -> None:
    values, labels = phone
    strength = np.linalg.norm(values[labels == WALKING][..., :3], axis=2)
    spectrum = np.abs(np.fft.rfft(strength - strength.mean(1, keepdims=True), 256, axis=1)).mean(0)
    frequency = np.fft.rfftfreq(256, 1 / RATE_HZ)
    assert (
        1.2
        < frequency[(frequency > 0.6) & (frequency < 3)][spectrum[(frequency > 0.6) & (frequency < 3)].argmax()]
        < 2.4
    )


@pytest.mark.parametrize("chance", [0.0, 0.37, 1.0])
def test_windows_lie_well_enough_in_the_part_they_are_labelled_by(chance: float) -> None:
    parameters = WEARABLE_PHONE.prior.sample(KEY, 500)
    draws = jnp.full(len(wearable._PARTS), chance)
    starts = np.asarray(jax.vmap(lambda p: wearable._starts(p, draws))(parameters))
    ends = np.asarray(jax.vmap(plan_s)(parameters) + parameters["label_lag_s"][:, None]) * RATE_HZ
    begins = np.concatenate([np.full((500, 1), -np.inf), ends[:, :-1]], axis=1)
    last, first = (edges[:, wearable._PARTS] for edges in (ends, begins))
    inside = np.minimum(starts + WINDOW_LENGTH, last) - np.maximum(starts, first)
    assert inside.min() >= PURITY * WINDOW_LENGTH - 1e-3
    assert starts.min() >= 0 and starts.max() <= FLIGHT_SAMPLES - WINDOW_LENGTH


def test_a_device_on_a_turntable_feels_the_circle() -> None:
    time = np.arange(200) / RATE_HZ
    x, y = 0.5 * np.cos(2 * time), 0.5 * np.sin(2 * time)
    zero = jnp.zeros(200)
    worn = Worn(
        Frame(Vector(jnp.asarray(x), jnp.asarray(y), zero), about_z(jnp.asarray(2 * time))), Vector(zero, zero, zero)
    )
    motion = wearable.felt(jax.tree.map(lambda leaf: leaf.astype(jnp.float32), worn))
    assert motion.orientation.shape == (198, 4)
    np.testing.assert_allclose(motion.rotation_rad_s, np.tile([0, 0, 2.0], (198, 1)), atol=1e-3)
    expected = -4 * np.stack([x, y, 0 * x], axis=1)[1:-1]
    np.testing.assert_allclose(motion.acceleration_m_s2, expected, atol=5e-3)


def test_a_shock_adds_to_the_acceleration() -> None:
    zero, one = jnp.zeros(5), jnp.ones(5)
    motion = wearable.felt(Worn(Frame(Vector(zero, zero, zero), about_z(zero)), Vector(zero, zero, one)))
    np.testing.assert_allclose(motion.acceleration_m_s2, np.tile([0, 0, 1.0], (3, 1)))


def test_phone_and_watch_ask_the_same_of_the_same_people_in_other_places() -> None:
    assert WEARABLE_PHONE.task.sensor == WEARABLE_WATCH.task.sensor and WEARABLE_PHONE.task.classes == CLASSES
    assert WEARABLE_PHONE.task.sensor.window_shape == (64, 6) and WEARABLE_PHONE.task.sensor.rate_hz == 50.0
    one, other = ({p.name for p in world.prior.parameters} for world in (WEARABLE_PHONE, WEARABLE_WATCH))
    assert {"pocket_azimuth_rad", "phone_way"} <= one - other and "tremor_rad" in other - one
    assert {p.name for p, _ in WATCH.rows} <= other


def test_the_whole_script_fits_the_flight_whatever_the_prior_draws() -> None:
    seconds = 0.0
    for name, count in (("seated_s", 2), ("stand_up_s", 1), ("walk_s", 2), ("turn_s", 2), ("sit_down_s", 1)):
        seconds += count * WEARABLE_PHONE.prior[name].support()[1]
    assert (seconds + WEARABLE_PHONE.prior["label_lag_s"].support()[1]) * RATE_HZ <= FLIGHT_SAMPLES
