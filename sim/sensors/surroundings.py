"""What a ring of rangers looks at, and a drive through a room to try one on."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from sim import rooms
from sim.priors import Prior


class Surroundings(NamedTuple):
    """A way among walls that stand still."""

    pose: jax.Array  # (time, 3): x and y in m, heading in rad
    walls: jax.Array  # (segments, 4) in m as (ax, ay, bx, by)
    reflectivity_db: jax.Array  # (segments,), how much louder than standard each wall answers to sound


_ROOM = Prior(rooms.PARAMETERS, tuple(rooms.DISTRIBUTIONS[parameter.name] for parameter in rooms.PARAMETERS))


@partial(jax.jit, static_argnums=(1, 2))
def circling(key: jax.Array, sample_count: int, rate_hz: float) -> Surroundings:
    """A slow circle of 0.5 m about the middle of a random room."""
    building, drawing = jax.random.split(key)
    drawn = {name: values[0] for name, values in _ROOM.sample(drawing, 1).items()}
    room = rooms.build(building, drawn)
    turn = 0.5 * jnp.arange(sample_count, dtype=jnp.float32) / rate_hz
    x = drawn["room_width_m"] / 2 + 0.5 * jnp.sin(turn)
    y = drawn["room_depth_m"] / 2 - 0.5 * jnp.cos(turn)
    return Surroundings(jnp.stack([x, y, turn], axis=1), rooms.walls(room), room.reflectivity_db)
