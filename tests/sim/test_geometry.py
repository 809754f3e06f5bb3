"""Rays, clearances and outlines against the plain formula, written out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sim.geometry import FAR_M, cast, clearance, inside, seen_from
from sim.rooms import closed

SQUARE = closed(jnp.array([[-1.0, -2.0], [-1.0, 2.0], [3.0, 2.0], [3.0, -2.0]]))


def _rays(angles: np.ndarray) -> jax.Array:
    return jnp.asarray(np.stack([np.cos(angles), np.sin(angles)]), jnp.float32)


def _slow_cast(segments: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Solve t u = a + s (b - a) for each pair."""
    best = np.full(rays.shape[1], FAR_M)
    for index, direction in enumerate(rays.T):
        for ax, ay, bx, by in segments:
            matrix = np.array([[direction[0], ax - bx], [direction[1], ay - by]])
            if abs(np.linalg.det(matrix)) > 1e-9:
                t, share = np.linalg.solve(matrix, [ax, ay])
                if t > 0 and 0 <= share <= 1:
                    best[index] = min(best[index], t)
    return best


def test_rays_meet_the_nearest_wall() -> None:
    draw = np.random.default_rng(0)
    segments = draw.normal(size=(40, 4)).astype(np.float32) * 3
    rays = _rays(draw.uniform(0, 2 * np.pi, 64))
    distance, number = cast(jnp.asarray(segments), rays)
    expected = _slow_cast(segments.astype(float), np.asarray(rays, float))
    np.testing.assert_allclose(distance, expected, rtol=1e-4)
    hit = expected < FAR_M
    points = np.asarray(rays.T * distance[:, None])[hit]
    ends = segments[np.asarray(number)[hit]]
    around = np.hypot(*(points - ends[:, :2]).T) + np.hypot(*(points - ends[:, 2:]).T)
    np.testing.assert_allclose(around, np.hypot(*(ends[:, :2] - ends[:, 2:]).T), rtol=1e-3)


def test_a_filler_stops_no_ray_and_keeps_nothing_away() -> None:
    filler = jnp.zeros((1, 4)) + 0.5
    walls = jnp.concatenate([filler, SQUARE])
    distance, number = cast(walls, _rays(np.array([np.pi / 4, 0.0])))
    assert np.all(np.asarray(number) > 0) and distance[1] == pytest.approx(3.0, rel=1e-4)
    assert clearance(walls, jnp.array([0.5, 0.5])) == pytest.approx(1.5)


def test_an_observer_sees_walls_from_where_it_stands_and_looks() -> None:
    own = seen_from(SQUARE, jnp.array([1.0, 0.5]), jnp.asarray(np.pi / 2))
    ahead, left, behind, right = cast(own, _rays(np.array([0.0, np.pi / 2, np.pi, -np.pi / 2])))[0]
    np.testing.assert_allclose([ahead, left, behind, right], [1.5, 2.0, 2.5, 2.0], rtol=1e-4)


@pytest.mark.parametrize(
    ("point", "expected"), [((0.0, 0.0), True), ((-1.5, 0.0), False), ((3.5, 1.0), False), ((1.0, 2.5), False)]
)
def test_inside_is_inside(point: tuple[float, float], expected: bool) -> None:
    assert bool(inside(SQUARE, jnp.array(point))) is expected


def test_clearance_is_to_the_nearest_point_also_beyond_a_walls_end() -> None:
    wall = jnp.array([[0.0, 0.0, 1.0, 0.0]])
    assert clearance(wall, jnp.array([0.5, 0.3])) == pytest.approx(0.3)
    assert clearance(wall, jnp.array([4.0, 4.0])) == pytest.approx(5.0)
