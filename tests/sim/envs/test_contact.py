"""The contact environment is a proper one over the world's own robot."""

import jax
import numpy as np
from gymnasium.utils.env_checker import check_env

from sim.envs.contact import COMMAND, ContactEnv, commanded
from sim.worlds import contact

FIRM = contact.PRIOR.replace(friction=1.0, ground_time_s=0.02, motor_stiffness_nm_rad=100.0)


def _walk(env: ContactEnv, speed: float, steps: int) -> tuple[float, list[np.ndarray], bool]:
    action = np.asarray([0.0, speed, 0.0, 0.0], np.float32)
    total, stable, ended = 0.0, [], False
    for _ in range(steps):
        _, reward, ended, _, info = env.step(action)
        total += reward
        stable.append(info["stable"])
        if ended:
            break
    return total, stable, ended


def test_gymnasium_accepts_it() -> None:
    check_env(ContactEnv(render_mode="rgb_array"))


def test_the_same_seed_plays_the_same() -> None:
    def play(seed: int) -> np.ndarray:
        env = ContactEnv()
        first, _ = env.reset(seed=seed)
        return np.stack([first, *(env.step(env.action_space.low)[0] for _ in range(3))])

    assert np.array_equal(play(3), play(3)) and not np.array_equal(play(3), play(4))


def test_it_walks_forward_and_backward_as_asked() -> None:
    env = ContactEnv(prior=FIRM)
    env.reset(seed=0)
    ahead, stable, fell = _walk(env, 0.6, 400)
    assert not fell and ahead > 0.1
    share = np.mean(stable)
    assert 0.2 < share < 0.95
    env.reset(seed=0)
    assert _walk(env, -1.0, 400)[0] < -0.05


def test_a_fall_ends_the_episode_at_a_loss() -> None:
    env = ContactEnv(prior=FIRM)
    env.reset(seed=0)
    env._data.qpos[3:7] = [0.0, 1.0, 0.0, 0.0]  # on its back
    _, reward, ended, _, _ = env.step(np.zeros(4, np.float32))
    assert ended and reward < -0.5


def test_an_action_asks_for_its_range() -> None:
    gait = contact.gait_of(
        jax.random.key(0), {n: np.asarray(v, np.float64) for n, v in FIRM.sample(jax.random.key(0), 1).items()}
    )
    low, high = commanded(gait, -np.ones(4, np.float32)), commanded(gait, np.ones(4, np.float32))
    for name, (least, most) in COMMAND.items():
        assert getattr(low, name)[0] == least and getattr(high, name)[0] == most


def test_the_picture_shows_which_feet_stand() -> None:
    env = ContactEnv(render_mode="rgb_array", prior=FIRM)
    env.reset(seed=0)
    picture = env.render()
    assert picture is not None and picture.shape == (320, 480, 3)
    green = (picture.astype(int) @ [-1, 2, -1] > 100).sum()
    assert green > 50
