"""Any Gymnasium environment is a world; one that breaks its contract is refused with the part and the remedy."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import jax
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete

from sim.check import check_world
from sim.curriculum import Curriculum, examinations
from sim.generate import windows
from sim.gymnasium_source import world_of_env
from sim.priors import Constant, Parameter, Prior, Uniform
from sim.world import World
from slipway.errors import Refused
from slipway.spec import Channel, SensorSpec

SENSOR = SensorSpec((Channel("place", "m"), Channel("speed", "m/s")), 10.0, 4)
GAIN = Parameter("gain", "1", 0.1, 10.0, "of the sensor")
PRIOR = Prior((GAIN,), (Uniform(0.5, 2.0),))
KEY = jax.random.key(3)
SPACE = Dict({"place": Box(-100, 100, (1,)), "speed": Box(-100, 100, (1,)), "picture": Box(0, 255, (2,), np.uint8)})


@dataclass(eq=False)
class Cart(gymnasium.Env[Any, Any]):
    """A point that is pushed left and right. The options plant one offence each."""

    steps: int = 1000
    space: gymnasium.Space[Any] = field(default_factory=lambda: SPACE)
    seen: Callable[[Any], Any] = lambda observation: observation
    seeded: bool = True
    heeds: bool = True
    breaks: bool = False

    def __post_init__(self) -> None:
        self.observation_space, self.action_space = self.space, Discrete(3)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed if self.seeded else None)
        self.gain = (options or {}).get("gain", 1.0) if self.heeds else 1.0
        self.place, self.speed, self.count = self.np_random.normal(), 0.0, 0
        return self._seen(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if self.breaks:
            raise RuntimeError("the motor burns")
        self.speed = 0.5 * self.speed + int(action) - 1 - 0.1 * self.place
        self.place += 0.1 * self.speed
        self.count += 1
        return self._seen(), 0.0, self.count >= self.steps, False, {"count": self.count}

    def _seen(self) -> Any:
        parts = {name: np.asarray([self.gain * getattr(self, name)], np.float32) for name in ("place", "speed")}
        return self.seen({**parts, "picture": np.zeros(2, np.uint8)})


def forwards(observation: Any, action: Any, info: Any, env: Any) -> int:
    return int(observation["place"][0] > 0)


def world(make: Any = Cart, **changes: Any) -> World:
    given = {"name": "cart", "sensor": SENSOR, "observe": ("place", "speed"), "label": forwards, "flight_count": 8}
    if "outputs" not in changes:
        given["classes"] = ("behind", "before")
    return world_of_env(make, **{"flight_steps": 30, **given, **changes})


def pendulum() -> World:
    return world_of_env(
        "Pendulum-v1",
        name="swing",
        sensor=SensorSpec((Channel("cos", "1"), Channel("sin", "1"), Channel("rate", "rad/s")), 20.0, 8),
        label=lambda observation, action, info, env: int(observation[0] > 0),
        classes=("hanging", "standing"),
        flight_steps=64,
    )


def test_a_true_environment_passes_the_checker() -> None:
    check_world(pendulum(), count=2048)


def test_a_planted_environment_passes_the_checker_with_a_prior() -> None:
    check_world(world(prior=PRIOR), count=512)


def test_a_window_is_consecutive_steps_of_one_episode_and_labelled_by_its_last() -> None:
    short = world(lambda: Cart(steps=9), stride=2)
    values, labels = windows(short, KEY, 200)
    moved = np.diff(values[..., 0], axis=1)
    assert np.allclose(moved, 0.1 * values[:, 1:, 1], atol=1e-5)  # place moves by speed: none spans a reset
    assert np.array_equal(labels, (values[:, -1, 0] > 0).astype(np.int32))


def test_a_flight_gives_the_same_count_however_its_episodes_end() -> None:
    whole, cut = world(), world(lambda: Cart(steps=7))
    count = 8 * len(range(3, 30))
    assert len(whole.simulate(KEY, {})[1]) == len(cut.simulate(KEY, {})[1]) == count


def test_each_episode_of_a_flight_begins_anew() -> None:
    values, _ = world(lambda: Cart(steps=4), flight_steps=12).simulate(KEY, {})
    starts = values[:, 0, 0]  # windows are as long as episodes: every one is a beginning
    assert len(starts) == 8 * 9 and len(np.unique(starts)) == len(starts)


def test_the_priors_draws_reach_reset() -> None:
    found = world(prior=PRIOR)
    parameters = {"gain": np.asarray([1.0, 2.0, 1.0], np.float32)}
    values, _ = found.simulate(KEY, parameters)
    first, second = (found.simulate(KEY, {"gain": np.full(3, gain, np.float32)})[0] for gain in (1.0, 2.0))
    one, two, three = np.split(values, 3)
    assert np.array_equal(one, first[: len(one)]) and np.array_equal(two, second[len(one) : 2 * len(one)])
    assert np.array_equal(three, first[2 * len(one) :])


def test_a_label_sees_the_state_that_the_observation_shows() -> None:
    found = world(label=lambda observation, action, info, env: int(env.place > 0))
    values, labels = windows(found, KEY, 200)
    assert np.array_equal(labels, (values[:, -1, 0] > 0).astype(np.int32))


def test_a_policy_acts_and_its_chance_is_the_flights() -> None:
    seen: list[int] = []

    def policy(observation: Any, generator: np.random.Generator) -> int:
        seen.append(int(generator.integers(3)))
        return 2

    found = world(policy=policy)
    values, _ = found.simulate(KEY, {})
    assert values[..., 1].mean() > 0.5 and set(seen) == {0, 1, 2}


def test_outputs_are_one_number_each() -> None:
    outputs = (Channel("push", "N"), Channel("count", "1"))
    found = world(label=lambda o, action, info, env: (float(action), env.count), outputs=outputs)
    _, targets = windows(found, KEY, 50)
    assert targets.shape == (50, 2) and targets.dtype == np.float32 and set(targets[:, 0]) <= {0.0, 1.0, 2.0}
    assert world(label=lambda o, a, i, e: float(a), outputs=outputs[:1]).simulate(KEY, {})[1].shape[1] == 1


def test_parts_of_a_box_are_chosen_by_number_or_slice() -> None:
    def box(seen: Any) -> Any:
        return np.concatenate([seen["speed"], seen["place"], seen["speed"]])

    made = {"make": lambda: Cart(space=Box(-100, 100, (3,)), seen=box), "label": lambda o, a, i, e: int(o[1] > 0)}
    by_number, by_slice = world(**made, observe=(1, 2)), world(**made, observe=slice(1, None))
    assert np.array_equal(by_number.simulate(KEY, {})[0], by_slice.simulate(KEY, {})[0])
    assert np.array_equal(by_number.simulate(KEY, {})[0], world().simulate(KEY, {})[0])


def test_a_curriculum_can_examine_it() -> None:
    found = world(prior=PRIOR)
    exams = list(examinations(found, Curriculum().start(PRIOR), KEY))
    assert [edge for edge, *_ in exams] == [("gain", 0), ("gain", 1)]


def _spoiled(name: str, value: Any) -> Callable[[], Cart]:
    return lambda: Cart(seen=lambda observation: {**observation, name: np.asarray([value], np.float32)})


def _raising(*_: Any) -> int:
    raise KeyError("nothing there")


WRITTEN: list[int] = []


def _counting(*_: Any) -> int:
    """A label that remembers: another one for the same flight."""
    WRITTEN.append(0)
    return int(len(WRITTEN) > 40)


OFFENCES: dict[str, tuple[dict[str, Any], str, str]] = {
    "an unknown id": ({"make": "Nowhere-v0"}, "make", "Nowhere"),
    "a maker that raises": ({"make": lambda: 1 / 0}, "make", "ZeroDivisionError"),
    "no environment": ({"make": dict}, "make", "dict"),
    "an ignored seed": ({"make": lambda: Cart(seeded=False)}, "make", "same flight for the same seed"),
    "a label that remembers": ({"label": _counting}, "make", "same flight for the same seed"),
    "a step that raises": ({"make": lambda: Cart(breaks=True)}, "step", "the motor burns"),
    "an unknown part": ({"observe": ("place", "sped")}, "observe", "sped.*place, speed"),
    "a slice of a Dict": ({"observe": slice(0, 2)}, "observe", "by key"),
    "whole numbers as a sensor": ({"observe": ("place", "picture")}, "observe", "floating-point"),
    "a Discrete observation": ({"make": lambda: Cart(space=Discrete(3))}, "observe", "floating-point"),
    "a number outside of a Box": (
        {"make": lambda: Cart(space=Box(-1, 1, (3,))), "observe": (0, 3)}, "observe", "0 to 2",
    ),
    "fewer parts than channels": ({"observe": ("place",)}, "observe", "2 channels"),
    "an observation outside its space": ({"make": _spoiled("place", 101.0)}, "observe", "observation space"),
    "an observation of another form": (
        {"make": lambda: Cart(seen=lambda observation: None)}, "observe", "observation space",
    ),
    "not a number": ({"make": _spoiled("speed", np.nan)}, "observe", "channel speed must be finite"),
    "a policy that raises": ({"policy": _raising}, "policy", "KeyError"),
    "an action outside": ({"policy": lambda o, g: "left"}, "step", "ValueError"),
    "a label that raises": ({"label": _raising}, "label", "KeyError"),
    "a label outside the classes": ({"label": lambda *_: 2}, "label", "0 to 1"),
    "a label that is no whole number": ({"label": lambda *_: 0.5}, "label", "0.5"),
    "targets of another count": (
        {"label": lambda *_: (1.0, 2.0), "outputs": (Channel("push", "N"),)}, "label", "1 finite",
    ),
    "a target that is not finite": (
        {"label": lambda *_: np.nan, "outputs": (Channel("push", "N"),)}, "label", "finite",
    ),
    "a target that is no number": (
        {"label": lambda *_: "much", "outputs": (Channel("push", "N"),)}, "label", "finite",
    ),
    "an episode shorter than a window": ({"make": lambda: Cart(steps=2)}, "flight_steps", "no episode lasts"),
    "a flight shorter than a window": ({"flight_steps": 3}, "flight_steps", "4 or more"),
    "no stride": ({"stride": 0}, "stride", "1 or more"),
    "a prior that changes nothing": ({"make": lambda: Cart(heeds=False), "prior": PRIOR}, "prior", "gain must change"),
}  # fmt: skip


@pytest.mark.parametrize("name", OFFENCES)
def test_a_broken_contract_is_refused_and_the_part_named(name: str) -> None:
    changes, part, words = OFFENCES[name]
    with pytest.raises(Refused, match=f"(?s){words}") as refusal:
        world(**changes)
    assert refusal.value.field == part and refusal.value.remedy


def test_constant_parameters_need_change_nothing() -> None:
    fixed = world(lambda: Cart(heeds=False), prior=PRIOR.replace(gain=Constant(1.0)))
    assert len(windows(fixed, KEY, 10)[1]) == 10
