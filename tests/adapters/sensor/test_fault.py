"""A fault of the sensor, and the correction that undoes it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.sensor.fault import (
    Fault,
    arrays_of,
    fault_of,
    groups,
    lagging_groups,
    no_fault,
    rotation_matrix,
    rotation_vector,
)
from nets.front_math import corrected
from slipway.spec import Channel, SensorSpec
from tests.adapters.devices import SPARE, TIME, moved, read, worn

SENSOR = worn().sensor
ANGLES = st.floats(-3, 3).map(lambda angle: round(angle, 3))


def faults():
    def made(rotation, gain, bias, lag):
        return Fault(
            np.array(rotation) / max(1.0, np.linalg.norm(rotation) / 3.1),
            np.array(gain),
            np.array(bias),
            np.repeat([0.0, lag], 3),
        )

    return st.builds(
        made,
        st.lists(ANGLES, min_size=3, max_size=3),
        st.lists(st.floats(0.5, 2), min_size=6, max_size=6),
        st.lists(st.floats(-2, 2), min_size=6, max_size=6),
        st.integers(-4, 4).map(float),
    )


@settings(max_examples=25)
@given(faults())
def test_the_correction_gives_the_true_signal_back(fault):
    true, _ = moved(4, 0)
    found = corrected(
        jnp.asarray(read(true, fault)), **{k: jnp.asarray(v) for k, v in arrays_of(fault, SENSOR).items()}
    )
    inner = slice(5, TIME - 5)  # the ends are held, not known
    np.testing.assert_allclose(found[:, inner], true[:, SPARE : SPARE + TIME][:, inner], atol=2e-4)


@settings(max_examples=50)
@given(faults())
def test_a_fault_can_be_read_from_its_correction(fault):
    found = fault_of(*arrays_of(fault, SENSOR).values(), SENSOR)
    for name in ("rotation_rad", "gain", "bias", "lag"):
        np.testing.assert_allclose(getattr(found, name), getattr(fault, name), atol=2e-3)


def test_a_correction_that_is_no_fault_is_not_read_as_one():
    arrays = arrays_of(no_fault(6), SENSOR)
    sheared = arrays["matrix"].copy()
    sheared[0, 3] = 0.2
    assert fault_of(sheared, arrays["offset"], arrays["delay"], SENSOR) is None
    mirrored = arrays["matrix"] * np.array([-1, 1, 1, -1, 1, 1], np.float32)
    assert fault_of(mirrored, arrays["offset"], arrays["delay"], SENSOR) is None


def test_a_sound_sensor_has_the_exact_identity():
    arrays = arrays_of(no_fault(6), SENSOR)
    np.testing.assert_array_equal(arrays["matrix"], np.eye(6))
    assert not arrays["offset"].any() and not arrays["delay"].any() and not no_fault(6).found


@pytest.mark.parametrize("vector", [(0, 0, 0), (3.14, 0, 0), (0, 3.14, 0), (0, 0, 3.1), (1e-7, 0, 0), (1, -2, 0.5)])
def test_rotation_vectors_and_matrices_are_inverse(vector):
    matrix = np.asarray(rotation_matrix(jnp.asarray(vector, jnp.float32)), np.float64)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-6)
    np.testing.assert_allclose(rotation_vector(matrix), vector, atol=2e-3)


def test_no_rotation_has_a_gradient():
    slope = jax.jacobian(rotation_matrix)(jnp.zeros(3))
    np.testing.assert_allclose(slope[1, 0], [0, 0, 1])
    assert np.isfinite(slope).all()


def test_channels_share_a_clock_by_vector_and_by_unit():
    assert groups(SENSOR) == ((0, 1, 2), (3, 4, 5)) and lagging_groups(SENSOR) == ((3, 4, 5),)
    mixed = SensorSpec((Channel("t", "Cel"), Channel("a", "m"), Channel("b", "m")), 1.0, 8)
    assert groups(mixed) == ((0,), (1, 2))
    ring = SensorSpec((Channel("a", "m"), Channel("t", "Cel")), 1.0, 1)
    assert lagging_groups(ring) == ()
