"""``slipway/Rover-v0`` is a proper environment over the world's own physics."""

import gymnasium
import jax
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import sim  # noqa: F401  (registers)
from sim.envs.rover import RoverEnv
from sim.worlds.rover import FORWARD, PRIOR, SHARP_RIGHT, demo_room, rule

RULE = jax.jit(rule)


def test_gymnasium_accepts_it() -> None:
    check_env(gymnasium.make("sim:slipway/Rover-v0", render_mode="rgb_array").unwrapped)


def test_it_is_registered_with_a_time_limit() -> None:
    env = gymnasium.make("slipway/Rover-v0")
    assert env.spec is not None and env.spec.max_episode_steps == 2000
    assert env.observation_space.shape == (24,) and env.action_space.n == 4


def test_the_same_seed_plays_the_same() -> None:
    def play(seed: int) -> np.ndarray:
        env = RoverEnv()
        first, _ = env.reset(seed=seed)
        return np.stack([first, *(env.step(np.int64(i % 4))[0] for i in range(6))])

    assert np.array_equal(play(3), play(3)) and not np.array_equal(play(3), play(4))


def test_following_the_rule_earns_metres_along_the_wall() -> None:
    env = RoverEnv(room=demo_room(), prior=PRIOR.replace(wander_share=0.0, speed_m_s=0.2))
    reading, _ = env.reset(seed=0)
    total = 0.0
    for _ in range(300):
        reading, reward, ended, _, _ = env.step(np.int64(RULE(reading)))
        total += reward
        assert not ended
    assert 2.0 < total < 300 * 0.2 / 9 * 1.2


def test_touching_a_wall_ends_the_episode_at_a_loss() -> None:
    env = RoverEnv(room=demo_room())
    env.reset(seed=0)
    for _ in range(600):
        _, reward, ended, _, info = env.step(np.int64(FORWARD))
        if ended:
            break
    assert ended and info["collided"] and reward < -0.9


def test_turning_on_the_spot_earns_nothing() -> None:
    env = RoverEnv()
    env.reset(seed=1)
    assert env.step(np.int64(SHARP_RIGHT))[1] == pytest.approx(0.0, abs=1e-6)


def test_the_picture_shows_the_robot_where_it_is() -> None:
    env = RoverEnv(render_mode="rgb_array", room=demo_room())
    env.reset(seed=0)
    before = env.render()
    for _ in range(40):
        env.step(np.int64(SHARP_RIGHT))
    after = env.render()
    assert before is not None and after is not None
    assert before.shape == (560, 640, 3) and before.dtype == np.uint8
    assert len(np.unique(before.reshape(-1, 3), axis=0)) > 20
    assert not np.array_equal(before, after)
    assert RoverEnv().render_mode is None
