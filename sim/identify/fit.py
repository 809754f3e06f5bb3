"""What an identification found: the posterior as the next prior, what was determined, and whether it fits at all."""

from dataclasses import asdict, dataclass, field
from typing import Any

from sim.priors import Prior

DETERMINED = 0.5  # a parameter whose 90 % interval shrank to less than this share of the prior's is determined


@dataclass(frozen=True)
class Marginal:
    """One parameter before and after: medians and central 90 % intervals, in its unit."""

    name: str
    unit: str
    prior_low: float
    prior_median: float
    prior_high: float
    low: float
    median: float
    high: float

    @property
    def shrinkage(self) -> float:
        """Width of the 90 % interval over the prior's: 0 is known exactly, 1 is nothing learned."""
        width = self.prior_high - self.prior_low
        return (self.high - self.low) / width if width > 0 else 1.0

    @property
    def determined(self) -> bool:
        """Whether the recording says something about it."""
        return self.shrinkage < DETERMINED


@dataclass(frozen=True)
class Reach:
    """Whether the recording lies inside what the simulator can produce.

    Args:
        p_value: of the two-sample test of the whole recording against simulations from the posterior.
        channels: p-value of each channel alone.
        threshold: below it, simulator and recording differ.
        words: what is wrong with a channel that is out of reach, where the test can tell.
    """

    p_value: float
    channels: dict[str, float]
    threshold: float
    words: dict[str, str] = field(default_factory=dict)

    @property
    def inside(self) -> bool:
        """Whether the simulator can produce such a recording."""
        return self.p_value >= self.threshold

    @property
    def broken(self) -> list[str]:
        """The channels that the simulator cannot produce, worst first."""
        return sorted((n for n, p in self.channels.items() if p < self.threshold), key=lambda n: self.channels[n])


@dataclass(frozen=True)
class Fit:
    """The result of an identification.

    Args:
        method: ``"paired"`` or ``"unpaired"``.
        prior: the posterior: draw worlds like the recorded one from it.
        marginals: one for each number that was free (a parameter of size n gives n, named ``name[i]``).
        reach: whether the recording can come out of the simulator.
        simulations: windows simulated, or evaluations of the physics on the recording.
        seconds: how long it took.
        determination: R² of the physics on the recording for each output; {} where nothing is paired.
    """

    method: str
    prior: Prior
    marginals: tuple[Marginal, ...]
    reach: Reach
    simulations: int
    seconds: float
    determination: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, everything a report shows."""
        return {
            "method": self.method,
            "prior": self.prior.to_json(),
            "marginals": [{**asdict(m), "shrinkage": m.shrinkage, "determined": m.determined} for m in self.marginals],
            "reach": {**asdict(self.reach), "inside": self.reach.inside, "broken": self.reach.broken},
            "simulations": self.simulations,
            "seconds": self.seconds,
            "determination": self.determination,
        }
