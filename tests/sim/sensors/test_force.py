"""A load cell follows its load late and creeps; a switch closes above one force and opens below a lower one."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sim.sensor import Sensor
from sim.sensors.force import Contact, contact_switch, force

pytestmark = pytest.mark.usefixtures("strict")

KEY = jax.random.key(0)
HELD = Contact(jnp.tile(jnp.array([[10.0, -20.0, 100.0]]), (4000, 1)))  # 40 s at 100 Hz
CELL, SWITCH = force(rate_hz=100.0), contact_switch(rate_hz=100.0)


def _read(sensor: Sensor, truth: Contact, **changes: float) -> np.ndarray:
    exact = {p.name: 0.0 for p in sensor.parameters if p.low <= 0 <= p.high}
    exact |= {p.name: 1e-5 for p in sensor.parameters if p.name.endswith(("resolution_n", "response_s"))}
    exact |= {p.name: 1.0 for p in sensor.parameters if p.name.endswith("gain")}
    changes = {f"{sensor.name}_{name}": value for name, value in changes.items()}
    return np.asarray(jax.jit(sensor.measure)(truth, sensor.prior.replace(**(exact | changes)).centre(), KEY))


def test_gain_cross_talk_and_offset_act_as_named() -> None:
    read = _read(CELL, HELD, gain=1.1, cross_talk=0.02, offset_n=1.5)[-1]
    np.testing.assert_allclose(read, [11 + 1.6 + 1.5, -22 + 2.2 + 1.5, 110 - 0.2 + 1.5], atol=1e-3)


def test_the_bridge_follows_with_its_time_constant() -> None:
    read = _read(CELL, HELD, response_s=0.5)[:, 2]
    assert read[49] == pytest.approx(100 * (1 - math.exp(-1)), rel=1e-3)
    assert read[-1] == pytest.approx(100, rel=1e-3)


def test_under_a_load_held_the_reading_creeps_by_its_share() -> None:
    read = _read(CELL, HELD, creep_share=0.03, creep_s=5.0)[:, 2]
    assert read[0] == pytest.approx(100, rel=1e-3)
    assert read[499] == pytest.approx(100 * (1 + 0.03 * (1 - math.exp(-1))), rel=1e-4)
    assert read[-1] == pytest.approx(103, rel=1e-4)


def test_it_saturates_and_comes_in_steps() -> None:
    read = _read(CELL, HELD, range_n=50.0, resolution_n=4.0)[-1]
    np.testing.assert_array_equal(read, [8, -20, 48])  # 50 is no multiple of 4, halves go to the even one


def test_a_switch_closes_above_and_opens_below() -> None:
    press = jnp.array([0.0, 9.0, 11.0, 9.0, 6.0, 4.0, 9.0, 11.0])
    truth = Contact(jnp.stack([0 * press, 0 * press, press], axis=1))
    read = _read(SWITCH, truth, threshold_n=10.0, hysteresis_share=0.5)[:, 0]
    np.testing.assert_array_equal(read, [0, 0, 1, 1, 1, 0, 0, 1])


def test_hysteresis_keeps_noise_from_chattering() -> None:
    at_threshold = Contact(jnp.full((4000, 3), 10.0))
    chatter, calm = (
        np.abs(
            np.diff(_read(SWITCH, at_threshold, threshold_n=10.0, noise_n_rthz=0.05, hysteresis_share=h)[:, 0])
        ).sum()
        for h in (0.0, 0.5)
    )
    assert chatter > 1000 and calm <= 1
