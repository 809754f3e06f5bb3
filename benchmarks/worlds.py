"""How fast each world makes windows, against the same physics stepped one at a time."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

import gymnasium
import jax
import numpy as np

import sim  # noqa: F401  (registers the environments)
from sim.body.activity import RATE_HZ, SCRIPT, plan_s
from sim.catalog import WORLDS
from sim.generate import batches
from sim.legged.quadruped import LEGS
from sim.worlds import contact, pendulum, rover

ROUNDS = 3
WEARABLE_HOP = 32  # samples from one window of a stepped recording to the next
SINGLE_WINDOWS = 20

Act = Callable[[Any, int], Any]  # (reading, number of the step) → action


@dataclass(frozen=True)
class Case:
    """One world and how it is stepped.

    Args:
        world: key of ``WORLDS``.
        aim: of the speed-up.
        batches: timed a round.
        slowly: windows a second of the same physics one at a time, one measurement a turn.
    """

    world: str
    aim: float
    batches: int
    slowly: Callable[[], Iterator[float]]


def stepped(env_id: str, act: Act, *, steps: int, warm_up: int = 0, windows_a_step: float = 1.0) -> Iterator[float]:
    """Windows a second from ``gym.make(env_id)``; the warm-up is not timed, a generator still works a batch ahead."""
    env = gymnasium.make(env_id)
    while True:
        reading, _ = env.reset(seed=0)
        for number in range(warm_up + steps):
            if number == warm_up:
                start = time.perf_counter()
            reading, _, ended, cut, _ = env.step(act(reading, number))
            if ended or cut:
                reading, _ = env.reset()
        yield steps * windows_a_step / (time.perf_counter() - start)


def by_rule() -> Act:
    """The rover's own policy."""
    policy, parameters = jax.jit(rover.STEPS.policy), WORLDS["rover"].prior.centre()
    return lambda reading, number: np.int64(policy(reading, parameters))


def by_script() -> Act:
    """The wearer's script."""
    ends = np.asarray(plan_s(WORLDS["wearable_phone"].prior.centre())) * RATE_HZ
    return lambda reading, number: np.int64(SCRIPT[min(int(np.searchsorted(ends, number)), len(SCRIPT) - 1)])


def at_random() -> Act:
    """Torques that know nothing."""
    torques = np.random.default_rng(0).normal(size=(512, 2)).astype(np.float32)
    return lambda reading, number: torques[number % len(torques)]


def steadily() -> Act:
    """The gait that a neutral action commands."""
    neutral = np.zeros(gymnasium.make("slipway/Contact-v0").action_space.shape or (), np.float32)
    return lambda reading, number: neutral


def one_flight_at_a_time(world: str) -> Iterator[float]:
    """Windows a second where nothing acts: the same code asked for one flight after another."""
    prior, simulate = WORLDS[world].prior, WORLDS[world].simulate
    for turn in count():
        start = time.perf_counter()
        for number in range(SINGLE_WINDOWS):
            key = jax.random.fold_in(jax.random.key(turn), number)
            jax.block_until_ready(simulate(key, prior.sample(key, 1)))
        yield SINGLE_WINDOWS / (time.perf_counter() - start)


CASES = {
    "rover": Case("rover", 100.0, 12, lambda: stepped("slipway/Rover-v0", by_rule(), steps=1500, warm_up=500)),
    "wearable": Case(
        "wearable_phone",
        100.0,
        6,
        lambda: stepped(
            "slipway/Wearable-v0", by_script(), steps=640, warm_up=64, windows_a_step=1 / WEARABLE_HOP
        ),
    ),
    "contact": Case(
        "contact_go1",
        2.5,
        2,
        lambda: stepped("slipway/Contact-v0", steadily(), steps=400, windows_a_step=len(LEGS) / contact.STRIDE),
    ),
    "pendulum": Case(
        "pendulum",
        100.0,
        8,
        lambda: stepped(
            "slipway/Pendulum-v0", at_random(), steps=1500, warm_up=500, windows_a_step=1 / pendulum.HOP
        ),
    ),
    "keyword": Case("keyword", 10.0, 1, partial(one_flight_at_a_time, "keyword")),
}  # fmt: skip


def in_batches(case: Case) -> Iterator[float]:
    """Windows a second, as NumPy arrays, from one program a batch; one measurement a turn."""
    stream = batches(WORLDS[case.world], jax.random.key(0))
    while True:
        start = time.perf_counter()
        made = sum(len(next(stream)[1]) for _ in range(case.batches))
        yield made / (time.perf_counter() - start)


def run() -> list[dict[str, Any]]:
    """Both rates of every world, each the best of ``ROUNDS`` taken in turn in this process, after compilation.

    Returns:
        Records ``name value unit reference ratio``; the ratio of ``<world>_windows_speedup`` is value / aim.
    """
    return [record for name, case in CASES.items() for record in _compared(name, case)]


def _compared(name: str, case: Case) -> list[dict[str, Any]]:
    ours, theirs = in_batches(case), case.slowly()
    next(ours), next(theirs)  # compile
    fast, slow = (max(column) for column in zip(*[(next(ours), next(theirs)) for _ in range(ROUNDS)], strict=True))
    speedup = fast / slow
    return [
        {
            "name": f"{name}_windows_speedup",
            "value": speedup,
            "unit": "1",
            "reference": case.aim,
            "ratio": speedup / case.aim,
        },
        {"name": f"{name}_windows_a_second", "value": fast, "unit": "1/s", "reference": slow, "ratio": speedup},
    ]


if __name__ == "__main__":
    for record in run():
        print(record)
