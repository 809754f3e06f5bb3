"""A body follows its commands smoothly, and does the whole script."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sim.body import activity, skeleton
from sim.body.activity import (
    RATE_HZ,
    RESTLESS,
    SCRIPT,
    SEATED,
    SITTING_DOWN,
    STANDING_UP,
    TURNING,
    WALKING,
    Body,
    act,
    advance,
    plan_s,
    seated,
)  # fmt: skip
from sim.priors import Parameters, Prior

PRIOR = Prior(*zip(*activity.ROWS, *skeleton.ROWS, strict=True))
CALM = {"cadence_wander": 0.0, "turn_side": 1.0}
KEY = jax.random.key(0)
ADVANCE = jax.jit(advance)


@pytest.fixture(scope="module")
def script() -> tuple[Body, np.ndarray, Parameters]:
    p = PRIOR.replace(**CALM).centre()
    bodies, activities = jax.jit(lambda p, key: act(p, key, 850, lambda body: body))(p, KEY)
    return bodies, np.asarray(activities), p


def test_the_script_is_seated_up_walk_turn_walk_turn_down_seated(script: tuple[Body, np.ndarray, Parameters]) -> None:
    _, activities, p = script
    changes = np.flatnonzero(np.diff(activities)) + 1
    assert activities[np.concatenate([[0], changes])].tolist() == list(SCRIPT)
    np.testing.assert_allclose(changes / RATE_HZ, plan_s(p)[:-1], atol=1 / RATE_HZ)


def test_two_turns_turn_their_angles_to_the_left(script: tuple[Body, np.ndarray, Parameters]) -> None:
    bodies, _, p = script
    assert float(bodies.yaw[-1, 0]) == pytest.approx(float(p["turn_angle_rad"].sum()), rel=0.03)
    assert abs(float(bodies.yaw[-1, 1])) < 1e-3


def test_walking_covers_steps_of_the_bodys_length(script: tuple[Body, np.ndarray, Parameters]) -> None:
    bodies, activities, p = script
    walking = np.flatnonzero((np.asarray(bodies.gait[:, 0]) > 0.99) & (activities == WALKING))
    way = np.linalg.norm(np.diff(np.asarray(bodies.place)[walking[:20]], axis=0), axis=1).sum()
    steps = 2 * float(bodies.phase[walking[19]] - bodies.phase[walking[0]])
    assert way / steps == pytest.approx(float(p["step_share"] * p["height_m"]), rel=0.05)
    assert steps * RATE_HZ / 19 == pytest.approx(float(p["cadence_hz"]), rel=0.01)


def test_it_ends_seated_and_still(script: tuple[Body, np.ndarray, Parameters]) -> None:
    bodies, _, _ = script
    assert float(bodies.progress[-1]) == 0.0 and abs(float(bodies.gait[-1, 0])) < 1e-3
    assert float(bodies.progress.max()) == 1.0


def test_nothing_a_joint_follows_jumps(script: tuple[Body, np.ndarray, Parameters]) -> None:
    bodies, _, p = script
    fastest = {"gait": (bodies.gait[:, 0], p["gait_lag_s"]), "yaw": (bodies.yaw[:, 1] / 4, p["turn_lag_s"])}
    for values, lag in fastest.values():
        assert np.abs(np.diff(values)).max() * RATE_HZ < 1 / float(lag)
    speed = np.diff(np.asarray(bodies.place), axis=0) * RATE_HZ
    assert np.abs(np.diff(speed, axis=0)).max() * RATE_HZ < 10.0  # m/s2: a step of the speed would give 30


def test_restlessness_has_unit_deviation_and_smooth_acceleration() -> None:
    p = PRIOR.centre()
    chance = jax.random.uniform(KEY, (6000, RESTLESS))

    def still(body: Body, chance: jax.Array) -> tuple[Body, jax.Array]:
        after = advance(body, jnp.asarray(SEATED), jnp.asarray(0), p, chance)
        return after, after.restless[0]

    values = np.asarray(jax.lax.scan(still, seated(p, KEY), chance)[1])
    np.testing.assert_allclose(values.std(0)[2:], 1.0, rtol=0.25)
    bend = np.diff(values[:, 2:5], 2, axis=0)
    assert np.abs(np.diff(bend, axis=0)).std() < 1.0 * bend.std()  # white noise has sqrt 2


@pytest.mark.parametrize(("told", "walks"), [(WALKING, False), (STANDING_UP, False), (SITTING_DOWN, False)])
def test_who_sits_does_not_walk_at_once(told: int, walks: bool) -> None:
    p = PRIOR.centre()
    body = seated(p, KEY)
    for _ in range(10):
        body = ADVANCE(body, jnp.asarray(told), jnp.asarray(0), p, jnp.full(RESTLESS, 0.5))
    assert (float(body.gait[0]) > 0) == walks
    assert (float(body.progress) > 0) == (told != SITTING_DOWN)


def test_the_side_of_a_turn_is_its_sign() -> None:
    p = PRIOR.replace(turn_side=-1.0).centre()
    body = seated(p, KEY)._replace(progress=jnp.ones(()))
    for _ in range(20):
        body = ADVANCE(body, jnp.asarray(TURNING), jnp.asarray(1), p, jnp.full(RESTLESS, 0.5))
    assert float(body.yaw[0]) < -0.2
