"""``slipway/Pendulum-v0`` is a proper environment over the world's own physics."""

import numpy as np
from gymnasium.utils.env_checker import check_env

from sim.envs.pendulum import PendulumEnv


def test_gymnasium_accepts_it() -> None:
    check_env(PendulumEnv(render_mode="rgb_array"), skip_render_check=True)


def test_the_same_seed_plays_the_same() -> None:
    def play(seed: int) -> np.ndarray:
        env = PendulumEnv()
        first, _ = env.reset(seed=seed)
        return np.stack([first, *(env.step(np.full(2, 0.1 * i, np.float32))[0] for i in range(6))])

    assert np.array_equal(play(3), play(3)) and not np.array_equal(play(3), play(4))


def test_hanging_earns_least_and_torque_lifts_the_tip() -> None:
    env = PendulumEnv()
    env.reset(seed=0)
    rewards = [env.step(np.array([4.0, 0.0], np.float32))[1] for _ in range(60)]
    assert rewards[0] < -0.99 and max(rewards) > -0.8


def test_the_picture_shows_the_pose() -> None:
    env = PendulumEnv(render_mode="rgb_array")
    env.reset(seed=0)
    before = env.render()
    for _ in range(40):
        env.step(np.array([4.0, 0.0], np.float32))
    after = env.render()
    assert before is not None and after is not None
    assert before.shape == (480, 480, 3) and np.mean(before != after) > 0.005
