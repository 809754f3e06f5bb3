"""``slipway/Contact-v0``: the contact world's quadruped as a Gymnasium environment.

Observation: what the IMUs and the load cells of the four feet read, 4 x (acc_x acc_y acc_z [m/s2], gyr_x gyr_y gyr_z
[rad/s], force [N]). Action: the gait from now on, each between -1 and 1 of its range in ``COMMAND``: frequency, speed,
turn, height of a step. A step lasts 4 ms. Reward: metres forward along the trunk, minus 1 for a fall, which ends the
episode. ``info`` holds what the world's labels are made of.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium
import jax
import mujoco
import numpy as np
import numpy.typing as npt

from sim.legged import logger, quadruped
from sim.legged.flight import Feet, feet_of, put_down, upright
from sim.legged.gait import Gait, feet, joint_angles
from sim.priors import Parameters, Prior
from sim.sensors.imu import Motion
from sim.world import Key
from sim.worlds import contact

Reading = npt.NDArray[np.float32]

COMMAND = {"frequency_hz": (1.0, 2.5), "speed_m_s": (-0.3, 0.8), "turn_rad_s": (-0.6, 0.6), "height_m": (0.03, 0.15)}
FORCE_LIMIT_N = 1000.0
STEP_S = contact.HOP * quadruped.STEP_S
FEET = len(quadruped.LEGS)


@jax.jit
def _measure(motion: Motion, parameters: Parameters, key: Key) -> jax.Array:
    """One sample of every foot's IMU: (feet, 6)."""
    return jax.vmap(contact.SENSOR.measure, in_axes=(0, None, 0))(motion, parameters, jax.random.split(key, FEET))[:, 0]


class ContactEnv(gymnasium.Env[Reading, Reading]):
    """See the module.

    Args:
        render_mode: ``"rgb_array"`` or None.
        prior: what robots, grounds and IMUs are drawn from at every reset.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 50}

    def __init__(self, render_mode: str | None = None, prior: Prior = contact.PRIOR) -> None:
        self.render_mode = render_mode
        limits = [prior["imu_acc_range_m_s2"].support()[1], prior["imu_gyr_range_rad_s"].support()[1], FORCE_LIMIT_N]
        high = np.tile(np.repeat(np.asarray(limits, np.float32) * 1.001, (3, 3, 1)), FEET)  # a step beyond, rounded
        low = np.where(np.arange(len(high)) % 7 == 6, 0.0, -high).astype(np.float32)
        self.observation_space = gymnasium.spaces.Box(low, high, dtype=np.float32)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (len(COMMAND),), np.float32)
        self._prior = prior

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Reading, dict[str, Any]]:
        """Draw a robot, a ground and its IMUs and let it stand still; the same seed draws the same."""
        super().reset(seed=seed)
        drawing, spreading, self._key = jax.random.split(jax.random.key(int(self.np_random.integers(2**31))), 3)
        drawn = self._prior.sample(drawing, 1)
        self._parameters = {name: values[0] for name, values in drawn.items()}
        numbers = {name: np.asarray(values, np.float64) for name, values in drawn.items()}
        self._gait = contact.gait_of(spreading, numbers)
        self._model = quadruped.built({name: float(values[0]) for name, values in numbers.items() if values.ndim == 1})
        self._data = mujoco.MjData(self._model)
        self._firm_n = float(numbers["stable_share"][0]) * quadruped.weight_n(self._model) / FEET
        self._slip_limit_m_s = float(numbers["slip_limit_m_s"][0])
        self._walked = 0.0
        put_down(self._model, self._data, float(self._gait.stance_m[0]), self._targets())
        mujoco.mj_step(self._model, self._data, contact.SETTLED * contact.HOP)
        self._sensed = self._data.sensordata.copy()
        return self._observe()

    def step(self, action: Reading) -> tuple[Reading, float, bool, bool, dict[str, Any]]:
        """Walk for 4 ms."""
        self._gait = commanded(self._gait, np.clip(action, -1.0, 1.0))
        self._walked += STEP_S * float(self._gait.frequency_hz[0])
        self._data.ctrl = self._targets()
        before, forward = self._data.qpos[:2].copy(), self._data.body("trunk").xmat.reshape(3, 3)[:2, 0].copy()
        self._sensed = self._data.sensordata.copy()
        mujoco.mj_step(self._model, self._data, contact.HOP)
        fell = not bool(upright(self._data.sensordata[None, None])[0])
        reward = float((self._data.qpos[:2] - before) @ forward) - float(fell)
        reading, info = self._observe()
        return reading, reward, fell, False, info

    def render(self) -> npt.NDArray[np.uint8] | None:
        """The robot from its right side, feet that stand in green: (height, width, 3); None without a mode."""
        if self.render_mode is None:
            return None
        from sim.envs.side_view import draw

        return draw(self._data, self._stable(self._feet()))

    def _targets(self) -> npt.NDArray[np.float64]:
        return joint_angles(feet(self._gait, np.full((1, 1), self._walked))).reshape(-1)

    def _feet(self) -> Feet:
        """The feet's truth, (feet, 1, ...)."""
        both = np.stack([self._sensed, self._data.sensordata])
        return Feet(*(one[0, :, 1:] for one in feet_of(both[None], STEP_S)))

    def _stable(self, truth: Feet) -> npt.NDArray[np.bool_]:
        return (truth.force_n[:, 0] > self._firm_n) & (truth.slip_m_s[:, 0] < self._slip_limit_m_s)

    def _observe(self) -> tuple[Reading, dict[str, Any]]:
        truth = self._feet()
        self._key, now = jax.random.split(self._key)
        imus = np.asarray(_measure(logger.motion(truth), self._parameters, now))
        reading = np.concatenate([imus, np.clip(truth.force_n, 0.0, FORCE_LIMIT_N)], axis=1).astype(np.float32)
        info = {
            "stable": self._stable(truth),
            "slip_m_s": truth.slip_m_s[:, 0].copy(),
            "force_n": truth.force_n[:, 0].copy(),
        }
        return reading.reshape(-1), info


def commanded(gait: Gait, action: Reading) -> Gait:
    """The gait with what an action (4,) asks for."""
    low, high = np.asarray(list(COMMAND.values())).T
    asked = low + (high - low) * (np.asarray(action, np.float64) + 1) / 2
    return gait._replace(**{name: value[None] for name, value in zip(COMMAND, asked, strict=True)})
