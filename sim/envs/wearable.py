"""``slipway/Wearable-v0``: a person who does what he is told, and what a device on him feels.

Observation: the inertial reading of the sample before, acc in m/s2 and gyr in rad/s. Action: the activity for the next
1/50 s, an index into ``CLASSES``; who is told to walk while seated stands up first. Reward: metres walked. The physics
is the wearable world's own, a sample at a time; only the bias's wander starts anew with each reading.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar, NamedTuple

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from sim.body.activity import CLASSES, RATE_HZ, RESTLESS, SEATED, TURNING, Body, advance, seated
from sim.body.places import Worn
from sim.priors import Parameters, Prior
from sim.world import Key
from sim.worlds.wearable import DEVICES, Device, felt, wear
from slipway.errors import Reason, Refused

Reading = npt.NDArray[np.float32]


class State(NamedTuple):
    """A body and where its device was over the last three samples, which is what an acceleration takes."""

    body: Body
    worn: tuple[Worn, Worn, Worn]
    activity: jax.Array  # () int32, the last command
    turn: jax.Array  # () int32, 0 and 1 in turn


@partial(jax.jit, static_argnums=0)
def _reset(device: Device, key: Key, parameters: Parameters) -> tuple[State, jax.Array]:
    starting, sensing = jax.random.split(key)
    body = seated(parameters, starting)
    worn = wear(device.place, body, parameters)
    state = State(body, (worn, worn, worn), jnp.asarray(SEATED), jnp.asarray(0))
    return state, _read(device, state, parameters, sensing)


@partial(jax.jit, static_argnums=0)
def _step(
    device: Device, state: State, action: int, parameters: Parameters, key: Key
) -> tuple[State, Key, jax.Array, jax.Array]:
    following, moving, sensing = jax.random.split(key, 3)
    activity = jnp.asarray(action)
    begins = (activity == TURNING) & (state.activity != TURNING)
    turn = jnp.where(begins, 1 - state.turn, state.turn)
    body = advance(state.body, activity, 1 - turn, parameters, jax.random.uniform(moving, (RESTLESS,)))
    after = State(body, (*state.worn[1:], wear(device.place, body, parameters)), activity, turn)
    way = jnp.linalg.norm(body.place - state.body.place)
    return after, following, _read(device, after, parameters, sensing), way


def _read(device: Device, state: State, parameters: Parameters, key: Key) -> jax.Array:
    worn = jax.tree.map(lambda *leaves: jnp.stack(leaves), *state.worn)
    return device.sensor.measure(felt(worn), parameters, key)[0]


class WearableEnv(gymnasium.Env[Reading, np.int64]):
    """See the module.

    Args:
        render_mode: ``"rgb_array"`` or None.
        device: ``"phone"`` or ``"watch"``.
        prior: what people and devices are drawn from at every reset; that of the device's world by default.

    Raises:
        Refused: FIELD_INVALID: no such device.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": int(RATE_HZ)}

    def __init__(self, render_mode: str | None = None, device: str = "phone", prior: Prior | None = None) -> None:
        if device not in DEVICES:
            remedy = f"Use one of {', '.join(DEVICES)}."
            raise Refused(
                Reason.FIELD_INVALID, field="device", problem="is not worn here", found=repr(device), remedy=remedy
            )
        self.render_mode = render_mode
        self._device = DEVICES[device]
        self._prior = self._device.world.prior if prior is None else prior
        limits = (self._prior[f"imu_{kind}"].support()[1] for kind in ("acc_range_m_s2", "gyr_range_rad_s"))
        high = np.repeat(np.float32([*limits]), 3)
        self.observation_space = gymnasium.spaces.Box(-high, high, dtype=np.float32)
        self.action_space = gymnasium.spaces.Discrete(len(CLASSES))

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Reading, dict[str, Any]]:
        """Draw a person and a device, seated; the same seed draws the same."""
        super().reset(seed=seed)
        drawing, starting, self._key = jax.random.split(jax.random.key(int(self.np_random.integers(2**31))), 3)
        self._parameters = {name: values[0] for name, values in self._prior.sample(drawing, 1).items()}
        self._state, reading = _reset(self._device, starting, self._parameters)
        return np.asarray(reading), self._info()

    def step(self, action: np.int64) -> tuple[Reading, float, bool, bool, dict[str, Any]]:
        """Do so for 1/50 s."""
        self._state, self._key, reading, way = _step(
            self._device, self._state, int(action), self._parameters, self._key
        )
        return np.asarray(reading), float(way), False, False, self._info()

    def render(self) -> npt.NDArray[np.uint8] | None:
        """The person as a stick figure, seen from the front left: (height, width, 3); None without a mode."""
        if self.render_mode is None:
            return None
        from sim.envs.figure import draw

        return draw(self._state.body, self._parameters, CLASSES[int(self._state.activity)])

    def _info(self) -> dict[str, Any]:
        return {"activity": CLASSES[int(self._state.activity)], "standing": float(self._state.body.progress)}
