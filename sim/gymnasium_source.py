"""Any Gymnasium environment as a world: name its sensors, give a label function, learn from its windows.

The environment is stepped in Python, one flight after another, each from a seed of its own; a prior's draws go to
``reset(options={parameter: value})``. A step observes, chooses an action, labels, then acts, so a label sees the very
state that the observation shows. An episode that ends early is followed by another; no window spans two.

Reference: Towers et al., Gymnasium: A Standard Interface for Reinforcement Learning Environments, 2024,
https://arxiv.org/abs/2407.17032.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import gymnasium
import jax
import numpy as np
import numpy.typing as npt

from sim.gymnasium_reading import Parts, Reading, reader, refuse
from sim.priors import Parameters, Prior
from sim.world import Key, World
from slipway.errors import Refused
from slipway.spec import Channel, SensorSpec, TaskSpec
from slipway.windows import Answers, Values

Env = gymnasium.Env[Any, Any]
Make = Callable[[], Env]
Label = Callable[[Any, Any, Mapping[str, Any], Env], Any]
Policy = Callable[[Any, np.random.Generator], Any]
Options = dict[str, Any] | None
Drawn = Mapping[str, npt.NDArray[np.float32]]  # {parameter: (flights,) or (flights, size)}

SHORT_EPISODE_LIMIT = 100  # episodes in a row that are shorter than a window


def world_of_env(
    make: Make | str,
    *,
    name: str,
    sensor: SensorSpec,
    label: Label,
    classes: tuple[str, ...] = (),
    outputs: tuple[Channel, ...] = (),
    observe: Parts = None,
    policy: Policy | None = None,
    prior: Prior | None = None,
    flight_steps: int = 100,
    stride: int = 1,
    flight_count: int = 32,
) -> World:
    """A world from an environment of your own. One flight is flown to see that it keeps its contract.

    Args:
        make: an environment's id, or a function that makes one; called once for each batch.
        name: of the world and its task.
        sensor: what a window is; ``rate_hz`` is that of the environment's steps.
        label: (observation, action, info, env) → index into ``classes``, or one number an output.
        classes: what a window may be; or else
        outputs: what is to be estimated.
        observe: keys of a Dict observation, or numbers or a slice of a Box; all of it by default.
        policy: (observation, generator) → action; random actions by default.
        prior: parameters that go to ``reset(options=...)``, {name: float or (size,) float32}; none by default.
        flight_steps: a flight gives as many windows as an episode of so many steps holds.
        stride: one window every so many steps.
        flight_count: flights a batch.

    Raises:
        Refused: FIELD_INVALID naming what breaks the contract and the remedy: ``make`` (unknown id, cannot be made, or
            differs for the same seed), ``reset``, ``step``, ``observe``, ``policy``, ``label``, ``prior`` (its
            parameters change nothing), ``flight_steps``, ``stride``. The world's ``simulate``: likewise.
    """
    task = TaskSpec(name, sensor, classes, outputs)
    for field, value, least in (("flight_steps", flight_steps, sensor.window_length), ("stride", stride, 1)):
        if value < least:
            refuse(field, f"must be {least} or more", value, f"Give {field} of {least} or more.")
    source = _Source(make, task, label, observe, policy, flight_steps, stride)
    found = Prior((), ()) if prior is None else prior

    def simulate(key: Key, parameters: Parameters) -> tuple[Values, Answers]:
        count = len(next(iter(parameters.values()))) if parameters else flight_count
        chance = np.random.default_rng(np.asarray(jax.random.key_data(key)))
        drawn = {name: np.asarray(values) for name, values in parameters.items()}
        return source.fly(chance.integers(2**31, size=count), drawn)

    _probe(source, found)
    return World(name, task, found, simulate, flight_count)


def _probe(source: "_Source", prior: Prior) -> None:
    """Fly one flight twice, and once with other parameters."""
    drawn = {name: np.asarray(values)[:1] for name, values in prior.sample(jax.random.key(0), 2).items()}
    other = {name: np.asarray(values)[1:] for name, values in prior.sample(jax.random.key(0), 2).items()}
    seeds = np.zeros(1, np.int64)
    once, again, elsewhere = source.fly(seeds, drawn), source.fly(seeds, drawn), source.fly(seeds, other)
    if not all(np.array_equal(one, two) for one, two in zip(once, again, strict=True)):
        remedy = (
            "Call super().reset(seed=seed) and draw all chance from self.np_random; let label and policy keep none."
        )
        refuse("make", "must give the same flight for the same seed", "another flight", remedy)
    moved = any(not np.array_equal(drawn[name], other[name]) for name in drawn)
    if moved and np.array_equal(once[0], elsewhere[0]):
        remedy = "Take them from the options of reset, or leave the prior out."
        refuse("prior", f"{', '.join(drawn)} must change what is read", "equal readings", remedy)


@dataclass(frozen=True)
class _Source:
    """What a flight needs; see ``world_of_env``."""

    make: Make | str
    task: TaskSpec
    label: Label
    observe: Parts
    policy: Policy | None
    flight_steps: int
    stride: int

    def fly(self, seeds: npt.NDArray[np.int64], drawn: Drawn) -> tuple[Values, Answers]:
        """One flight a seed: windows (count, time, channels) and labels, in order."""
        with closing(_made(self.make)) as env:
            read = reader(env.observation_space, self.observe, self.task.sensor)
            flown = [self.flight(env, read, int(seed), _options(drawn, n)) for n, seed in enumerate(seeds)]
        values, labels = zip(*flown, strict=True)
        return np.concatenate(values), np.concatenate(labels)

    def flight(self, env: Env, read: Callable[[Any], Reading], seed: int, options: Options) -> tuple[Values, Answers]:
        """Windows (count, time, channels) and labels of one flight, of as many episodes as it takes."""
        length = self.task.sensor.window_length
        wanted = len(range(length - 1, self.flight_steps, self.stride))
        windows: list[npt.NDArray[np.float32]] = []
        answers: list[Any] = []
        generator, short_count = np.random.default_rng(seed), 0
        with _named("action_space.seed"):
            env.action_space.seed(seed)
        while len(windows) < wanted:
            rows = list(self._episode(env, read, int(generator.integers(2**31)), options, generator))
            ends = range(length - 1, len(rows), self.stride)
            windows += [np.stack([reading for reading, _ in rows[end + 1 - length : end + 1]]) for end in ends]
            answers += [rows[end][1] for end in ends]
            short_count = 0 if ends else short_count + 1
            if short_count == SHORT_EPISODE_LIMIT:
                remedy = "Shorten the window, or give a policy that keeps the episode going."
                refuse("flight_steps", f"no episode lasts a window of {length} steps", f"{len(rows)} steps", remedy)
        kind = np.float32 if self.task.outputs else np.int32
        return np.stack(windows[:wanted]), np.asarray(answers[:wanted], kind)

    def _episode(
        self, env: Env, read: Callable[[Any], Reading], seed: int, options: Options, generator: np.random.Generator
    ) -> Iterator[tuple[Reading, Any]]:
        """Readings and labels, step by step, until it ends or the flight is full."""
        with _named("reset"):
            observation, info = env.reset(seed=seed, options=options)
        for _ in range(self.flight_steps):
            reading = read(observation).copy()
            with _named("policy"):
                action = env.action_space.sample() if self.policy is None else self.policy(observation, generator)
            with _named("label"):
                found = self.label(observation, action, info, env)
            yield reading, self._checked(found)
            with _named("step"):
                observation, _, ended, cut, info = env.step(action)
            if ended or cut:
                return

    def _checked(self, label: Any) -> Any:
        found = np.asarray(label)
        if self.task.outputs:
            good = found.shape in ((len(self.task.outputs),), () if len(self.task.outputs) == 1 else None)
            if not good or not np.issubdtype(found.dtype, np.number) or not np.isfinite(found).all():
                problem = f"must be {len(self.task.outputs)} finite numbers, one an output"
                refuse("label", problem, repr(label), "Return one float an output.")
            return found.reshape(-1)
        last = len(self.task.classes) - 1
        if found.shape != () or not np.issubdtype(found.dtype, np.integer) or not 0 <= found <= last:
            refuse("label", f"must be a whole number from 0 to {last}", repr(label), "Return an index into classes.")
        return found


def _made(make: Make | str) -> Env:
    with _named("make", "Register the environment first, or give a function that makes it."):
        env = gymnasium.make(make) if isinstance(make, str) else make()
    if not isinstance(env, gymnasium.Env):
        refuse("make", "must give a gymnasium.Env", type(env).__name__, "Return the environment from it.")
    return env


@contextmanager
def _named(field: str, remedy: str = "Correct it, or the arguments it is given.") -> Iterator[None]:
    """What a user's function raises, as a refusal that names the function."""
    try:
        yield
    except Refused:
        raise
    except Exception as error:
        problem, found = "raised an error", f"{type(error).__name__}: {error}"
        try:
            refuse(field, problem, found, remedy)
        except Refused as refused:
            raise refused from error


def _options(drawn: Drawn, number: int) -> Options:
    """Row ``number`` of the draws, as ``reset`` takes it."""
    row = {name: values[number] for name, values in drawn.items()}
    return {name: float(value) if np.ndim(value) == 0 else value for name, value in row.items()} or None
