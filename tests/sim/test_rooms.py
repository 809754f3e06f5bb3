"""Random rooms are closed, keep free space to the right of their walls, and offer places to stand."""

import jax
import jax.numpy as jnp
import numpy as np

from sim import rooms
from sim.geometry import inside, is_filler
from sim.rooms import Room, is_free, progress_m, walls
from sim.worlds import rover

COUNT = 200
KEYS = jax.random.split(jax.random.key(0), COUNT)
PARAMETERS = rover.PRIOR.sample(jax.random.key(1), COUNT)
ROOMS: Room = jax.jit(jax.vmap(rooms.build))(KEYS, PARAMETERS)


def test_outlines_and_obstacles_are_closed() -> None:
    for outline in (ROOMS.outline, ROOMS.obstacles.reshape(-1, 4, 4)):
        np.testing.assert_array_equal(outline[:, :, 2:], jnp.roll(outline, -1, axis=1)[:, :, :2])


def test_rooms_differ_and_some_have_boxes() -> None:
    assert len(np.unique(np.asarray(ROOMS.outline)[:, 1, 1])) == COUNT
    there = ~np.asarray(is_filler(ROOMS.obstacles))[:, :, 0]
    assert 0.05 < there.mean() < 0.5


def test_free_space_lies_to_the_right_of_every_wall_of_a_plain_room() -> None:
    plain = rover.PRIOR.replace(alcove_share=0.0, box_share=0.0, room_lean_m=0.0).centre()
    room = rooms.build(jax.random.key(0), plain)
    rows = np.asarray(room.outline)[~np.asarray(is_filler(room.outline))]
    along = rows[:, 2:] - rows[:, :2]
    right = np.stack([along[:, 1], -along[:, 0]], axis=1) / np.linalg.norm(along, axis=1)[:, None]
    for point in (rows[:, :2] + rows[:, 2:]) / 2 + 0.05 * right:
        assert bool(inside(room.outline, jnp.asarray(point)))


def test_starts_are_free_almost_always() -> None:
    states = jax.jit(jax.vmap(rover.start))(KEYS, PARAMETERS, ROOMS)
    free = jax.vmap(is_free)(ROOMS, states.pose[:, :2], PARAMETERS["robot_radius_m"])
    assert np.mean(free) > 0.97


def test_a_place_in_an_obstacle_or_outside_is_not_free() -> None:
    room = rover.demo_room()
    assert bool(is_free(room, jnp.array([2.0, 2.0]), jnp.asarray(0.3)))
    for blocked in ([5.0, 0.3], [-3.0, 1.0], [0.2, 1.0], [2.7, 0.6]):
        assert not bool(is_free(room, jnp.array(blocked), jnp.asarray(0.3)))


def test_progress_counts_along_the_wall_with_walls_on_the_left() -> None:
    room = rover.demo_room()
    below, above = jnp.array([0.7, 1.0]), jnp.array([0.7, 1.2])
    assert np.isclose(progress_m(room, below, above), 0.2, atol=1e-3)
    assert np.isclose(progress_m(room, above, below), -0.2, atol=1e-3)
    assert walls(room).shape == (16, 4)
