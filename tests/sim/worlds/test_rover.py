"""The rover moves as its equations say, and its label is the published rule."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sim.priors import Parameters
from sim.worlds import rover
from sim.worlds.rover import FORWARD, SHARP_RIGHT, SLIGHT_LEFT, SLIGHT_RIGHT, State, rule

EXACT: Parameters = rover.PRIOR.replace(slip=0.0, drift_rad_s=0.0, speed_m_s=0.18, sharp_turn_rad_s=0.45).centre()
KEY = jax.random.key(0)


def _state(x: float, y: float, heading: float) -> State:
    return State(jnp.array([x, y, heading]), rover.demo_room(), jnp.asarray(False))


@pytest.mark.parametrize(
    ("front", "left", "command"),
    [
        (0.89, 0.7, SHARP_RIGHT),
        (0.89, 2.0, SHARP_RIGHT),
        (0.91, 0.91, SLIGHT_LEFT),
        (0.91, 0.89, FORWARD),
        (0.91, 0.51, FORWARD),
        (0.91, 0.49, SLIGHT_RIGHT),
        (0.89, 0.49, SHARP_RIGHT),
    ],
)
@pytest.mark.parametrize("front_beam", [11, 13, 15])
@pytest.mark.parametrize("left_beam", [18, 20])
def test_the_rule_is_the_published_one(
    front: float, left: float, command: int, front_beam: int, left_beam: int
) -> None:
    reading = np.full(24, 5.0, np.float32)
    reading[front_beam - 1], reading[left_beam - 1] = front, left
    assert int(rule(reading)) == command


def test_other_beams_do_not_matter_to_the_rule() -> None:
    reading = np.full(24, 0.1, np.float32)
    reading[10:15], reading[17:20] = 2.0, 0.7
    assert int(rule(reading)) == FORWARD


def test_forward_drives_along_the_heading() -> None:
    after = rover.step(_state(2.0, 2.0, np.pi / 2), jnp.asarray(FORWARD), EXACT, KEY)
    np.testing.assert_allclose(after.pose, [2.0, 2.02, np.pi / 2], atol=1e-5)


def test_a_sharp_turn_stays_on_the_spot() -> None:
    after = rover.step(_state(2.0, 2.0, 0.3), jnp.asarray(SHARP_RIGHT), EXACT, KEY)
    np.testing.assert_allclose(after.pose, [2.0, 2.0, 0.25], atol=1e-5)


@pytest.mark.parametrize(("command", "sign"), [(SLIGHT_RIGHT, -1), (SLIGHT_LEFT, 1)])
def test_slight_turns_drive_a_bow(command: int, sign: int) -> None:
    after = rover.step(_state(2.0, 2.0, 0.0), jnp.asarray(command), EXACT, KEY)
    assert after.pose[0] == pytest.approx(2.015, abs=1e-4)
    assert np.sign(after.pose[2]) == sign and np.sign(after.pose[1] - 2.0) == sign


def test_a_wall_stops_the_robot_and_is_told() -> None:
    radius = float(EXACT["robot_radius_m"])
    after = rover.step(_state(radius + 0.005, 1.0, np.pi), jnp.asarray(FORWARD), EXACT, KEY)
    assert bool(after.collided)
    np.testing.assert_allclose(after.pose[:2], [radius + 0.005, 1.0], atol=1e-6)
    away = rover.step(after._replace(pose=after.pose.at[2].set(0.0)), jnp.asarray(FORWARD), EXACT, KEY)
    assert not bool(away.collided)


def test_a_disturbance_never_leads_through_a_wall() -> None:
    always = rover.PRIOR.replace(disturb_share=1.0).centre()
    radius = always["robot_radius_m"]
    keys = jax.random.split(KEY, 500)
    near = _state(float(radius) + 0.02, 1.0, 0.0)
    after = jax.vmap(lambda key: rover.disturb(near, always, key))(keys)
    free = jax.vmap(lambda pose: rover.is_free(near.room, pose[:2], radius - 1e-4))(after.pose)
    assert np.all(free)
    assert len(np.unique(np.asarray(after.pose)[:, 2])) > 400


def test_the_task_is_the_recordings() -> None:
    task = rover.TASK
    assert task.sensor.window_shape == (1, 24) and task.sensor.rate_hz == 9.0
    assert [task.sensor.channels[i].name for i in (0, 23)] == ["range_01", "range_24"]
    assert {channel.unit for channel in task.sensor.channels} == {"m"}
    assert task.classes == ("Move-Forward", "Slight-Right-Turn", "Sharp-Right-Turn", "Slight-Left-Turn")
