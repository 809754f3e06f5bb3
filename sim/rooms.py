"""Random rooms: an outline with alcoves, jutting corners and leaning walls, and boxes that stand in it.

Outlines run clockwise and boxes counter-clockwise, so free space is always to the right of a wall, and a robot that
keeps walls on its left drives along them from a to b.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from sim.geometry import FAR_M, clearance, inside, is_filler, offsets
from sim.priors import Distribution, Parameter, Parameters, Uniform

BOX_COUNT = 4
OUTLINE_COUNT = 20
WALL_COUNT = OUTLINE_COUNT + 4 * BOX_COUNT

PARAMETERS = (
    Parameter("room_width_m", "m", 1.0, 30.0, "inner width before walls lean"),
    Parameter("room_depth_m", "m", 1.0, 30.0, "inner depth before walls lean"),
    Parameter("room_lean_m", "m", 0.0, 3.0, "deviation of each corner from its place"),
    Parameter("alcove_share", "1", 0.0, 1.0, "share of sides with an alcove or a jutting part"),
    Parameter("alcove_depth_m", "m", 0.0, 3.0, "largest depth of those"),
    Parameter("box_share", "1", 0.0, 1.0, "share of the four boxes that are there"),
    Parameter("box_size_m", "m", 0.05, 5.0, "largest side of a box"),
    Parameter("reflectivity_db", "dB", 0.0, 40.0, "deviation of how loud walls answer"),
)

DISTRIBUTIONS: dict[str, Distribution] = {
    "room_width_m": Uniform(3.5, 7.5),
    "room_depth_m": Uniform(3.5, 7.5),
    "room_lean_m": Uniform(0.0, 0.4),
    "alcove_share": Uniform(0.0, 0.8),
    "alcove_depth_m": Uniform(0.2, 1.5),
    "box_share": Uniform(0.0, 0.4),
    "box_size_m": Uniform(0.3, 1.2),
    "reflectivity_db": Uniform(0.0, 10.0),
}


class Room(NamedTuple):
    """Walls in m as (ax, ay, bx, by); rows without length are fillers."""

    outline: jax.Array  # (segments, 4), closed, clockwise
    obstacles: jax.Array  # (obstacles, segments, 4), each closed, counter-clockwise
    reflectivity_db: jax.Array  # (all segments,)


def walls(room: Room) -> jax.Array:
    """All walls of a room (segments, 4): the outline, then the obstacles."""
    return jnp.concatenate([room.outline, room.obstacles.reshape(-1, 4)])


def closed(corners: jax.Array) -> jax.Array:
    """Corners (n, 2) in order → the n segments between them (n, 4)."""
    return jnp.concatenate([corners, jnp.roll(corners, -1, axis=0)], axis=1)


def build(key: jax.Array, parameters: Parameters) -> Room:
    """One random room."""
    normals, uniforms = jax.random.split(key)
    loudness, lean = jnp.split(jax.random.normal(normals, (WALL_COUNT + 8,)), [WALL_COUNT])
    sides, boxes = jnp.split(jax.random.uniform(uniforms, (4 * 4 + 6 * BOX_COUNT,)), [4 * 4])
    return Room(
        _outline(lean.reshape(4, 2), sides.reshape(4, 4), parameters),
        jax.vmap(_box, (0, None))(boxes.reshape(BOX_COUNT, 6), parameters),
        parameters["reflectivity_db"] * loudness,
    )


def _outline(lean: jax.Array, sides: jax.Array, p: Parameters) -> jax.Array:
    """Four corners, moved by ``lean`` (4, 2) deviations, and four sides of chance ``sides`` (4, 4)."""
    width, depth = p["room_width_m"], p["room_depth_m"]
    zero = jnp.zeros_like(width)
    corners = jnp.stack([jnp.stack([zero, zero, width, width]), jnp.stack([zero, depth, depth, zero])], axis=1)
    corners += p["room_lean_m"] * jnp.clip(lean, -2, 2)
    return closed(jax.vmap(_side, (0, 0, 0, None))(sides, corners, jnp.roll(corners, -1, 0), p).reshape(-1, 2))


def _side(chance: jax.Array, start: jax.Array, end: jax.Array, p: Parameters) -> jax.Array:
    """Corners (5, 2) of one side: its start and a rectangular step in or out, of depth zero where there is none."""
    there, at, wide, deep = chance
    first = jnp.maximum(1.2 * at - 0.4, 0.0)  # often right in the corner: an L-shaped room
    last = jnp.minimum(first + 0.15 + 0.6 * wide, 1.0)
    along = end - start
    right = jnp.stack([along[1], -along[0]]) / jnp.linalg.norm(along)
    depth = jnp.where(there < p["alcove_share"], (2 * deep - 1) * p["alcove_depth_m"], 0.0)
    shares = jnp.stack([jnp.zeros(()), first, first, last, last])[:, None]
    return start + shares * along + jnp.array([0.0, 0.0, 1.0, 1.0, 0.0])[:, None] * depth * right


def _box(chance: jax.Array, p: Parameters) -> jax.Array:
    """A turned rectangle (4, 4) anywhere in the room, or fillers."""
    there, x, y, long, wide, turn = chance
    half = 0.5 * p["box_size_m"] * jnp.stack([0.2 + 0.8 * long, 0.2 + 0.8 * wide])
    cosine, sine = jnp.cos(2 * jnp.pi * turn), jnp.sin(2 * jnp.pi * turn)
    axes = jnp.stack([jnp.stack([cosine, sine]), jnp.stack([-sine, cosine])])
    centre = jnp.stack([x * p["room_width_m"], y * p["room_depth_m"]])
    corners = centre + (jnp.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]) * half) @ axes
    return closed(jnp.where(there < p["box_share"], corners, centre))


def is_free(room: Room, point: jax.Array, radius_m: jax.Array) -> jax.Array:
    """Whether a disc at ``point`` (2,) lies inside the outline, outside all obstacles and off all walls."""
    blocked = jax.vmap(inside, (0, None))(room.obstacles, point)
    apart = clearance(walls(room), point) > radius_m
    return apart & inside(room.outline, point) & ~jnp.any(blocked)


def place_along_wall(chance: jax.Array, room: Room) -> jax.Array:
    """A pose (3,) some way from a random wall, heading roughly along it; may lie anywhere, see ``is_free``.

    Args:
        chance: four uniform numbers (4,).
    """
    pick, share, away, lean = chance
    rows = walls(room)
    reach = jnp.cumsum(jnp.linalg.norm(rows[:, 2:] - rows[:, :2], axis=1))
    ax, ay, bx, by = rows[jnp.minimum(jnp.sum(reach <= pick * reach[-1]), len(rows) - 1)]
    along = jnp.arctan2(by - ay, bx - ax)
    metres = 0.4 + 0.6 * away + 0.6 * away**4
    x = ax + share * (bx - ax) + metres * jnp.sin(along)
    y = ay + share * (by - ay) - metres * jnp.cos(along)
    return jnp.stack([x, y, along + 1.5 * (2 * lean - 1) ** 3])


def place_anywhere(chance: jax.Array, room: Room) -> jax.Array:
    """A pose (3,) anywhere in the outline's bounding box, any heading; see ``is_free``.

    Args:
        chance: three uniform numbers (3,).
    """
    points = room.outline[:, :2]
    low, high = jnp.min(points, axis=0), jnp.max(points, axis=0)
    return jnp.append(low + chance[:2] * (high - low), 2 * jnp.pi * chance[2])


def progress_m(room: Room, start: jax.Array, end: jax.Array) -> jax.Array:
    """Metres that the way from ``start`` to ``end`` (2,) leads along the nearest wall, walls on the left."""
    rows = walls(room)
    squared = jnp.sum(offsets(rows, end) ** 2, axis=0)
    ax, ay, bx, by = rows[jnp.argmin(jnp.where(is_filler(rows), FAR_M**2, squared))]
    direction = jnp.stack([bx - ax, by - ay])
    return jnp.dot(end - start, direction) / jnp.maximum(jnp.linalg.norm(direction), 1e-3)
