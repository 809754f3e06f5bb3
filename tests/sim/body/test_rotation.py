"""Turns compose, rotate and differentiate as rotation matrices do."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.body.rotation import Turn, Vector, about_x, about_y, about_z, add, compose, inverse, rate, rotate

ABOUT = (about_x, about_y, about_z)
ANGLES = st.floats(-3.0, 3.0, width=32)


def _matrix(axis: int, angle: float) -> np.ndarray:
    """Right-handed, from the textbook."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(3)
    matrix[i, i] = matrix[j, j] = np.cos(angle)
    matrix[i, j], matrix[j, i] = -np.sin(angle), np.sin(angle)
    return matrix


def _vector(*parts: float) -> Vector:
    return Vector(*(jnp.float32(part) for part in parts))


def _turn(axis: int, angle: float) -> Turn:
    return ABOUT[axis](jnp.float32(angle))


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 2), ANGLES), min_size=1, max_size=4))
def test_composed_turns_are_products_of_matrices(turns: list[tuple[int, float]]) -> None:
    whole = compose(*(_turn(axis, angle) for axis, angle in turns))
    matrix = np.linalg.multi_dot([np.eye(3), *(_matrix(axis, angle) for axis, angle in turns)])
    there = rotate(whole, _vector(0.3, -1.2, 2.0))
    np.testing.assert_allclose(np.array(there), matrix @ [0.3, -1.2, 2.0], atol=1e-5)
    np.testing.assert_allclose(np.array(rotate(inverse(whole), there)), [0.3, -1.2, 2.0], atol=1e-5)


@settings(max_examples=25)
@given(st.integers(0, 2), ANGLES, st.integers(0, 2), st.floats(-0.5, 0.5, width=32))
def test_a_rate_is_what_was_turned_in_body_axes(axis: int, start: float, about: int, angle: float) -> None:
    before = _turn(axis, start)
    found = rate(before, compose(before, _turn(about, angle)), 0.1)
    expected = np.zeros(3)
    expected[about] = angle / 0.1
    np.testing.assert_allclose(np.array(found), expected, atol=2e-4)


def test_a_rate_does_not_see_the_sign_of_a_quaternion() -> None:
    before, after = _turn(0, 0.1), _turn(0, 0.2)
    other = Turn(*(-part for part in after))
    assert float(rate(before, other, 1.0).x) == pytest.approx(0.1, abs=1e-5)


def test_vectors_add() -> None:
    assert np.array(add(_vector(1, 2, 3), _vector(4, 5, 6), _vector(0, 0, 1))).tolist() == [5, 7, 10]
