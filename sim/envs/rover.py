"""``slipway/Rover-v0``: the rover world as a Gymnasium environment.

Observation: 24 ranges in m. Action: 0 forward, 1 slight right, 2 sharp right, 3 slight left, each for 1/9 s. Reward:
metres of progress along the nearest wall, walls on the left, minus 1 for touching one, which ends the episode.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from sim.priors import Parameters, Prior
from sim.rooms import Room, progress_m
from sim.world import Key
from sim.worlds import rover
from sim.worlds.rover import State

Reading = npt.NDArray[np.float32]


@jax.jit
def _reset(key: Key, parameters: Parameters, room: Room | None) -> tuple[State, jax.Array]:
    building, placing, seeing = jax.random.split(key, 3)
    state = rover.init(building, parameters) if room is None else rover.start(placing, parameters, room)
    return state, rover.observe(state, parameters, seeing)


@jax.jit
def _step(state: State, action: int, parameters: Parameters, key: Key) -> tuple[State, Key, jax.Array, jax.Array]:
    following, moving, seeing = jax.random.split(key, 3)
    after = rover.step(state, jnp.asarray(action), parameters, moving)
    progress = progress_m(state.room, state.pose[:2], after.pose[:2])
    return after, following, rover.observe(after, parameters, seeing), progress - after.collided


class RoverEnv(gymnasium.Env[Reading, np.int64]):
    """See the module.

    Args:
        render_mode: ``"rgb_array"`` or None.
        prior: what rooms, robots and sensors are drawn from at every reset.
        room: drive always here; a new random room at every reset by default.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 9}

    def __init__(self, render_mode: str | None = None, prior: Prior = rover.PRIOR, room: Room | None = None) -> None:
        self.render_mode = render_mode
        self.observation_space = gymnasium.spaces.Box(0.0, prior["range_limit_m"].support()[1], (24,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(len(rover.TASK.classes))
        self._prior = prior
        self._room = room

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Reading, dict[str, Any]]:
        """Draw a room, a robot and its sensors; the same seed draws the same."""
        super().reset(seed=seed)
        key = jax.random.key(int(self.np_random.integers(2**31)))
        drawing, starting, self._key = jax.random.split(key, 3)
        self._parameters = {name: values[0] for name, values in self._prior.sample(drawing, 1).items()}
        self._state, reading = _reset(starting, self._parameters, self._room)
        self._path = [np.asarray(self._state.pose)]
        self._reading = np.asarray(reading)
        return self._reading, self._info()

    def step(self, action: np.int64) -> tuple[Reading, float, bool, bool, dict[str, Any]]:
        """Drive for 1/9 s."""
        self._state, self._key, reading, reward = _step(self._state, int(action), self._parameters, self._key)
        self._path.append(np.asarray(self._state.pose))
        self._reading = np.asarray(reading)
        return self._reading, float(reward), bool(self._state.collided), False, self._info()

    def render(self) -> npt.NDArray[np.uint8] | None:
        """The room from above with the robot, its path and its beams: (height, width, 3); None without a mode."""
        if self.render_mode is None:
            return None
        from sim.envs.picture import draw

        radii = (float(self._parameters["robot_radius_m"]), float(self._parameters["ring_radius_m"]))
        return draw(self._state.room, np.stack(self._path), reading=self._reading, radii_m=radii)

    def _info(self) -> dict[str, Any]:
        return {"pose": self._path[-1], "collided": bool(self._state.collided)}
