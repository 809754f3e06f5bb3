"""Simulated fleets: devices of uneven quality, a third of which hear now and then what the right answer was."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from service.rollout.health import Health

WINDOWS, FEEDBACK = 200, 40


@dataclass(frozen=True)
class Candidate:
    """A model by what it does to devices.

    Args:
        gain: of accuracy.
        bluff: what its confidence says over its accuracy.
        slowdown: seconds of an answer over those before.
        failing: share of windows without an answer.
    """

    gain: float = 0.0
    bluff: float = 0.0
    slowdown: float = 1.0
    failing: float = 0.002


GOOD = Candidate(gain=0.01)
BAD = {
    "weights shuffled": Candidate(gain=-0.6, bluff=0.1),
    "accuracy 20 points lower": Candidate(gain=-0.2, bluff=0.15),
    "three times as slow": Candidate(slowdown=3.0),
    "one window in three lost": Candidate(failing=1 / 3),
}


def reports(
    candidate: Candidate, devices: int, seed: int, wanted: Callable[[str], bool] = lambda device: True
) -> Iterator[Health]:
    """Endless reports, every device in turn, of those that are ``wanted`` at the moment."""
    random = np.random.default_rng(seed)
    names = [f"device-{number}" for number in range(devices)]
    feedback = np.where(np.arange(devices) % 3 == 0, FEEDBACK, 0)
    before = np.clip(random.normal(0.9, 0.05, devices), 0.5, 0.99)
    after = np.clip(before + candidate.gain + random.normal(0, 0.02, devices), 0.02, 0.995)
    while True:
        failures = random.binomial(WINDOWS, candidate.failing, devices)
        said = np.clip(after + candidate.bluff + random.normal(0, 0.01, devices), 0, 1)
        said_before = np.clip(before + random.normal(0, 0.01, devices), 0, 1)
        right, right_before = random.binomial(feedback, after), random.binomial(feedback, before)
        latency, uneven = 0.01 * np.exp(random.normal(0, 0.1, (2, devices)))
        for at, name in enumerate(names):
            if wanted(name):
                yield Health(
                    device_id=name,
                    windows=WINDOWS - int(failures[at]),
                    confidence=float(said[at]),
                    confidence_before=float(said_before[at]),
                    feedback=int(feedback[at]),
                    right=int(right[at]),
                    right_before=int(right_before[at]),
                    failures=int(failures[at]),
                    latency_s=float(uneven[at]) * candidate.slowdown,
                    latency_before_s=float(latency[at]),
                )
