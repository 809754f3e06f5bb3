"""``WearableEnv`` is a proper environment over the world's own body and sensor."""

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from sim.body.activity import SEATED, SITTING_DOWN, TURNING, WALKING
from sim.envs.wearable import WearableEnv
from slipway.errors import Reason, Refused


@pytest.fixture(scope="module")
def env() -> WearableEnv:
    return WearableEnv("rgb_array")


def _play(env: WearableEnv, action: int, steps: int) -> tuple[np.ndarray, float]:
    found = [env.step(np.int64(action)) for _ in range(steps)]
    return np.stack([one[0] for one in found]), sum(one[1] for one in found)


def test_gymnasium_accepts_it(env: WearableEnv) -> None:
    check_env(env, skip_render_check=True)


def test_the_same_seed_plays_the_same(env: WearableEnv) -> None:
    def play(seed: int) -> np.ndarray:
        first, _ = env.reset(seed=seed)
        return np.concatenate([first[None], _play(env, WALKING, 8)[0]])

    assert np.array_equal(play(3), play(3)) and not np.array_equal(play(3), play(4))


def test_who_is_told_to_walk_stands_up_and_earns_metres(env: WearableEnv) -> None:
    env.reset(seed=0)
    _, early = _play(env, WALKING, 25)
    _, later = _play(env, WALKING, 150)
    assert early == pytest.approx(0, abs=0.01) and 1.0 < later < 4.0
    assert env.step(np.int64(WALKING))[4]["standing"] == 1.0


def test_who_sits_still_feels_gravity_and_earns_nothing(env: WearableEnv) -> None:
    env.reset(seed=1)
    readings, earned = _play(env, SEATED, 60)
    assert earned == 0.0
    assert np.linalg.norm(readings[:, :3].mean(0)) == pytest.approx(9.81, abs=0.5)


def test_turning_is_felt_and_walking_straight_is_not(env: WearableEnv) -> None:
    env.reset(seed=2)
    _play(env, WALKING, 120)
    turned, _ = _play(env, TURNING, 60)
    walked, _ = _play(env, WALKING, 30 + 4 * 57)
    assert np.linalg.norm(turned[:, 3:].mean(0)) > 1.0 > 0.3 > np.linalg.norm(walked[30:, 3:].mean(0))


def test_the_picture_shows_who_sits_lower(env: WearableEnv) -> None:
    def top() -> int:
        picture = env.render()
        assert picture is not None and picture.dtype == np.uint8 and picture.shape == (420, 360, 3)
        return int(np.flatnonzero((picture.sum(2) < 200).any(1))[0])

    env.reset(seed=0)
    seated = top()
    _play(env, WALKING, 120)
    assert top() < seated - 40
    _play(env, SITTING_DOWN, 150)
    assert top() == pytest.approx(seated, abs=8)
    assert WearableEnv().render() is None


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(Refused, match="phone, watch") as refusal:
        WearableEnv(device="hat")
    assert refusal.value.reason is Reason.FIELD_INVALID
