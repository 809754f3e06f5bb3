"""``slipway/Pendulum-v0``: the two-link pendulum as a Gymnasium environment.

Observation: both angles in rad and both velocities in rad/s, as the sensors read them. Action: both torques in N m,
held for 5 ms. Reward: height of the tip over the shoulder, as a share of the stretched arm's length: -1 hanging, 1
upright.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from sim.priors import Parameters, Prior
from sim.world import Key
from sim.worlds import pendulum
from sim.worlds.pendulum_arm import advance

Floats = npt.NDArray[np.float32]
LARGEST_N_M = 6.0


@jax.jit
def _reset(key: Key, parameters: Parameters) -> tuple[jax.Array, jax.Array]:
    starting, seeing = jax.random.split(key)
    state = 0.01 * jax.random.normal(starting, (4,))
    return state, _see(state, parameters, seeing)


@jax.jit
def _step(state: jax.Array, torque: jax.Array, parameters: Parameters, key: Key) -> tuple[jax.Array, Key, jax.Array]:
    following, seeing = jax.random.split(key)
    for _ in range(pendulum.SUBSTEPS):
        state = advance(state, torque, parameters, 1 / pendulum.RATE_HZ / pendulum.SUBSTEPS)
    return state, following, _see(state, parameters, seeing)


def _see(state: jax.Array, parameters: Parameters, key: Key) -> jax.Array:
    return pendulum.read(state[None], jnp.zeros((1, 2)), parameters, key)[0][0]


class PendulumEnv(gymnasium.Env[Floats, Floats]):
    """See the module.

    Args:
        render_mode: ``"rgb_array"`` or None.
        prior: what arms and sensors are drawn from at every reset.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 50}

    def __init__(self, render_mode: str | None = None, prior: Prior = pendulum.PRIOR) -> None:
        self.render_mode = render_mode
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (4,), np.float32)
        self.action_space = gymnasium.spaces.Box(-LARGEST_N_M, LARGEST_N_M, (2,), np.float32)
        self._prior = prior

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        """Draw an arm and its sensors, hanging almost still; the same seed draws the same."""
        super().reset(seed=seed)
        key = jax.random.key(int(self.np_random.integers(2**31)))
        drawing, starting, self._key = jax.random.split(key, 3)
        self._parameters = {name: values[0] for name, values in self._prior.sample(drawing, 1).items()}
        self._state, reading = _reset(starting, self._parameters)
        self._torque = np.zeros(2, np.float32)
        return np.asarray(reading), self._info()

    def step(self, action: Floats) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        """Hold two torques for 5 ms; those beyond the motors' limit are cut off."""
        self._torque = np.clip(np.asarray(action, np.float32), -LARGEST_N_M, LARGEST_N_M)
        self._state, self._key, reading = _step(self._state, self._torque, self._parameters, self._key)
        return np.asarray(reading), self._height(), False, False, self._info()

    def render(self) -> npt.NDArray[np.uint8] | None:
        """The arm from the side, its torques beside: (height, width, 3); None without a mode."""
        if self.render_mode is None:
            return None
        from sim.envs.pendulum_picture import draw

        return draw(np.asarray(self._state[:2]), self._lengths(), self._torque, LARGEST_N_M)

    def _lengths(self) -> tuple[float, float]:
        return (float(self._parameters["length_1_m"]), float(self._parameters["length_2_m"]))

    def _height(self) -> float:
        upper, lower = self._lengths()
        first, second = np.cumsum(np.asarray(self._state[:2], np.float64))
        return float(-(upper * np.cos(first) + lower * np.cos(second)) / (upper + lower))

    def _info(self) -> dict[str, Any]:
        return {"state": np.asarray(self._state)}
