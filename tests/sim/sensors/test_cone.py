"""The other ring sees like light in a cone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sim.sensors import cone
from sim.sensors.cone import FRONT_BEAM
from sim.worlds.rover_device import PRIOR

ring = jax.jit(cone.ring)
WALL = jnp.array([[2.0, -9.0, 2.0, 9.0]])
QUIET = PRIOR.replace(
    wobble_rad=0.0, dropout_share=0.0, range_noise_share=0.0, range_gain=1.0, mounting_yaw_rad=0.0, cone_rad=0.0,
    ring_radius_m=0.2, grazing_rad=0.5,
)  # fmt: skip


def _read(**changes: float) -> np.ndarray:
    return np.asarray(ring(jnp.zeros(3), WALL, QUIET.replace(**changes).centre(), jax.random.key(0)))


def test_a_beam_reads_along_its_axis() -> None:
    reading = _read()
    assert reading[FRONT_BEAM] == pytest.approx(1.8, abs=1e-3)
    assert reading[FRONT_BEAM + 2] == pytest.approx(2.0 / np.cos(np.pi / 6) - 0.2, abs=1e-3)


def test_a_wider_cone_reads_the_nearer_edge() -> None:
    assert _read(cone_rad=0.2)[FRONT_BEAM + 2] < _read()[FRONT_BEAM + 2]


def test_a_grazed_wall_is_not_seen() -> None:
    assert _read(grazing_rad=1.2)[FRONT_BEAM + 2] == 5.0
