"""Limbs hang together, and stand where anatomy says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sim.body import activity, places, skeleton
from sim.body.activity import Body, seated
from sim.body.places import PHONE, WATCH, WAYS, Place
from sim.body.rotation import Vector, inverse, rotate
from sim.body.skeleton import minimum_jerk
from sim.priors import Parameters, Prior

KEY = jax.random.key(0)
STILL = {"thigh_restless_rad": 0.002, "hand_restless_rad": 0.005, "restless_gain": 0.0, "jolt_m_s2": 0.0}


def _parameters(place: Place = PHONE, **changes: float) -> Parameters:
    rows = (*activity.ROWS, *skeleton.ROWS, *place.rows)
    return Prior(*zip(*rows, strict=True)).replace(**{**STILL, **changes}).centre()


def _body(progress: float, **changes: jax.Array) -> Body:
    resting = seated(_parameters(), KEY)._replace(restless=jnp.zeros((4, activity.RESTLESS)))
    return resting._replace(progress=jnp.float32(progress), **changes)


def _up(place: Place, p: Parameters, body: Body) -> np.ndarray:
    """Which way is up in the case's axes: what an accelerometer reads at rest, over g."""
    axes = place.wear(skeleton.skeleton(body, p), body, p).frame.axes
    return np.array(rotate(inverse(axes), Vector(jnp.float32(0), jnp.float32(0), jnp.float32(1))))


def test_minimum_jerk_starts_and_ends_at_rest() -> None:
    ends = jnp.array([-1.0, 0.0, 0.5, 1.0, 2.0])
    np.testing.assert_allclose(minimum_jerk(ends), [0, 0, 0.5, 1, 1], atol=1e-6)
    slope, bend = jax.grad(minimum_jerk), jax.grad(jax.grad(minimum_jerk))
    for end in (0.0, 1.0):
        assert float(slope(end)) == pytest.approx(0, abs=1e-5) and float(bend(end)) == pytest.approx(0, abs=1e-4)
    assert float(slope(0.5)) == pytest.approx(1.875)  # Flash & Hogan


def test_standing_hips_are_at_0_53_of_the_height() -> None:
    p = _parameters(height_m=1.8)
    assert float(skeleton.skeleton(_body(1.0), p).pelvis.place.z) == pytest.approx(0.53 * 1.8, rel=0.002)


def test_a_seated_pelvis_is_lower_and_behind_the_feet() -> None:
    p = _parameters()
    pelvis = skeleton.skeleton(_body(0.0), p).pelvis.place
    assert 0.3 < float(pelvis.z) < 0.7 and float(pelvis.x) < -0.3


def test_limbs_keep_their_lengths_whatever_the_body_does() -> None:
    p = _parameters()
    for progress, gait, phase in [(0.0, 0.0, 0.0), (0.4, 0.0, 0.0), (1.0, 1.0, 0.3), (1.0, 0.5, 0.8)]:
        limbs = skeleton.skeleton(_body(progress, gait=jnp.array([gait, 0.0]), phase=jnp.float32(phase)), p)
        for near, far, share in [(limbs.thigh, limbs.shank, 0.245), (limbs.upper_arm, limbs.forearm, 0.186)]:
            length = np.linalg.norm(np.array(near.place) - np.array(far.place))
            assert length == pytest.approx(share * float(p["height_m"]), rel=1e-4)


def test_the_left_thigh_is_forward_at_its_heel_strike_and_the_left_arm_half_a_stride_later() -> None:
    p = _parameters()

    def ahead(phase: float) -> tuple[float, float]:
        limbs = skeleton.skeleton(_body(1.0, gait=jnp.array([1.0, 0.0]), phase=jnp.float32(phase)), p)
        return float(limbs.shank.place.x - limbs.thigh.place.x), float(limbs.forearm.place.x - limbs.upper_arm.place.x)

    assert ahead(0.0)[0] > 0.1 > ahead(0.5)[0]
    assert ahead(0.5)[1] > ahead(0.0)[1] + 0.05


STANDING_UP_AXIS = {"back": 1.0, "back_inv": -1.0, "front": 1.0, "front_inv": -1.0}
SCREEN = {"back": -1.0, "back_inv": -1.0, "front": 1.0, "front_inv": 1.0}


@pytest.mark.parametrize("way", WAYS)
def test_a_phone_reads_gravity_as_its_way_of_lying_says(way: str) -> None:
    p = _parameters(phone_way=WAYS.index(way), thigh_abduction_rad=0.0, seat_thigh_rad=1.5, pocket_azimuth_rad=0.0)
    standing, sitting = _up(PHONE, p, _body(1.0)), _up(PHONE, p, _body(0.0))
    np.testing.assert_allclose(standing, [0, STANDING_UP_AXIS[way], 0], atol=0.05)
    np.testing.assert_allclose(sitting, [0, 0, SCREEN[way]], atol=0.1)


def test_a_phone_at_the_outside_of_the_thigh_lies_on_its_edge_when_seated() -> None:
    p = _parameters(phone_way=2, seat_thigh_rad=1.5, pocket_azimuth_rad=1.5, thigh_abduction_rad=0.0)
    assert _up(PHONE, p, _body(0.0))[0] == pytest.approx(-1.0, abs=0.05)


def test_a_watch_points_down_with_a_hanging_arm_and_looks_up_in_the_lap() -> None:
    still = {
        "arm_out_rad": 0.0,
        "arm_hang_rad": 0.0,
        "elbow_hang_rad": 0.05,
        "lap_forearm_rad": 1.57,
        "lap_palm_rad": 1.57,
    }
    p = _parameters(WATCH, **still)
    np.testing.assert_allclose(_up(WATCH, p, _body(1.0)), [-1, 0, 0], atol=0.1)
    np.testing.assert_allclose(_up(WATCH, p, _body(0.0)), [0, 0, 1], atol=0.1)


def test_heels_strike_the_near_leg_harder_and_die_away() -> None:
    p = _parameters(strike_hz=6.0, strike_far=0.3, strike_m_s2=10.0)

    def shock(phase: float) -> float:
        body = _body(1.0, gait=jnp.array([1.0, 0.0]), phase=jnp.float32(phase))
        return float(np.linalg.norm(np.array(PHONE.wear(skeleton.skeleton(body, p), body, p).shock_m_s2)))

    soon = 0.03 * float(p["cadence_hz"]) / 2  # of a stride
    assert shock(soon) > 2 * shock(0.5 + soon) > 0.5
    assert shock(0.45) < 0.05 * shock(soon)
    assert shock(soon) == pytest.approx(shock(7 + soon), rel=0.01)
    assert places.STILL < 1
