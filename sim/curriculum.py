"""A curriculum: randomisation that widens where the learner copes (automatic domain randomisation).

Learning starts near the middle of every parameter. After each round the learner is examined at the edges: flights that
lie within the present range but for one parameter at one end of it. Where it copes, that end moves outwards. Ranges are
shares of a prior's chances, so every kind of distribution widens alike and its shape is kept: the range (0.3, 0.6) of a
parameter is what lies between its quantiles 0.3 and 0.6. Other than in the paper, an end never moves back, and all ends
are examined every round, in one batch.

Reference: OpenAI et al., Solving Rubik's Cube with a Robot Hand, 2019, https://arxiv.org/abs/1910.07113, §5.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from sim.generate import windows
from sim.priors import Between, Parameters, Prior
from sim.world import Key, World
from slipway.errors import Reason, Refused
from slipway.windows import Answers, Values

Range = tuple[float, float]  # chances within 0 to 1
Edge = tuple[str, int]  # a parameter and its lower (0) or upper (1) end
Learner = TypeVar("Learner")

ROUND_LIMIT = 1000
EXAM_FLIGHT_COUNT = 8  # an edge, at least


@dataclass(frozen=True)
class Curriculum:
    """How randomisation widens; stored in a job.

    Args:
        rounds: of learning, each followed by an examination.
        start_share: of every parameter's chances to begin with, about the median: in [0, 1].
        step: by how much one end moves in a round, as a share: in (0, 1].
        cope_above: score at an edge from which on the learner copes: accuracy, or R² of a regression; at most 1.

    Raises:
        Refused: FIELD_INVALID, naming the field.
    """

    rounds: int = 8
    start_share: float = 0.2
    step: float = 0.1
    cope_above: float = 0.9

    def __post_init__(self) -> None:
        whole = isinstance(self.rounds, int) and not isinstance(self.rounds, bool)
        _need(
            whole and 1 <= self.rounds <= ROUND_LIMIT, "rounds", f"must be a whole number from 1 to {ROUND_LIMIT}", self
        )
        _need(_is_number(self.start_share) and 0 <= self.start_share <= 1, "start_share", "must lie in [0, 1]", self)
        _need(_is_number(self.step) and 0 < self.step <= 1, "step", "must lie in (0, 1]", self)
        _need(_is_number(self.cope_above) and self.cope_above <= 1, "cope_above", "must be a number up to 1", self)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; ``from_json`` is its inverse."""
        return asdict(self)

    @staticmethod
    def from_json(value: object) -> "Curriculum":
        """Read what ``to_json`` wrote; what is left out is as by default.

        Raises:
            Refused: FIELD_INVALID, naming the field.
        """
        known = set(Curriculum.__dataclass_fields__)
        if not isinstance(value, Mapping) or not set(value) <= known:
            found = sorted(map(str, value))[:8] if isinstance(value, Mapping) else type(value).__name__
            remedy = f"Send an object with some of {', '.join(sorted(known))}."
            raise Refused(Reason.FIELD_INVALID, field="curriculum", problem="is not one", found=found, remedy=remedy)
        return Curriculum(**value)

    def start(self, prior: Prior) -> "State":
        """Every parameter that varies near its middle."""
        near = (0.5 - self.start_share / 2, 0.5 + self.start_share / 2)
        return State(prior, tuple((name, near) for name in _varying(prior)))


@dataclass(frozen=True)
class State:
    """How far randomisation has widened.

    Args:
        full: where it ends.
        ranges: of every parameter that varies, in the prior's order.
    """

    full: Prior
    ranges: tuple[tuple[str, Range], ...]

    @property
    def prior(self) -> Prior:
        """What to learn from now."""
        return self.full.replace(**{name: Between(self.full[name], *ends) for name, ends in self.ranges})

    @property
    def share(self) -> float:
        """Mean share of the chances that is open: 1 is the full prior."""
        return float(np.mean([high - low for _, (low, high) in self.ranges])) if self.ranges else 1.0

    def to_json(self) -> dict[str, list[float]]:
        """Plain JSON values ``{parameter: [low, high]}``, for the job's report."""
        return {name: list(ends) for name, ends in self.ranges}


def edges(state: State) -> tuple[Edge, ...]:
    """Every end that can still move."""
    return tuple(
        (name, end) for name, ends in state.ranges for end in (0, 1) if (ends[end] > 0 if end == 0 else ends[end] < 1)
    )


def widen(curriculum: Curriculum, state: State, scores: Mapping[Edge, float]) -> State:
    """Move outwards each end whose score says that the learner copes; a score that is not finite does not."""

    def ends(name: str, low: float, high: float) -> Range:
        if scores.get((name, 0), -np.inf) >= curriculum.cope_above:
            low = max(0.0, round(low - curriculum.step, 12))
        if scores.get((name, 1), -np.inf) >= curriculum.cope_above:
            high = min(1.0, round(high + curriculum.step, 12))
        return low, high

    return replace(state, ranges=tuple((name, ends(name, *old)) for name, old in state.ranges))


def examinations(world: World, state: State, key: Key) -> Iterator[tuple[Edge, Values, Answers]]:
    """For every end that can move, labelled windows of flights that lie at it and within the present ranges else."""
    asked = edges(state)
    if not asked:
        return
    batch_count = -(-len(asked) * EXAM_FLIGHT_COUNT // world.flight_count)
    flight_count = batch_count * world.flight_count
    drawing, flying = jax.random.split(key)
    drawn = _at_edges(state, asked, state.prior.sample(drawing, flight_count))
    made = []
    for number, one in enumerate(jax.random.split(flying, batch_count)):
        rows = slice(number * world.flight_count, (number + 1) * world.flight_count)
        made.append(jax.device_get(world.simulate(one, {name: some[rows] for name, some in drawn.items()})))
    values, labels = (np.concatenate(parts) for parts in zip(*made, strict=True))
    flight = np.repeat(np.arange(flight_count), len(labels) // flight_count)
    fair = flight < flight_count // len(asked) * len(asked)  # alike for each end, so that a scorer compiles once
    for number, edge in enumerate(asked):
        mine = fair & (flight % len(asked) == number)
        yield edge, values[mine], labels[mine]


def _at_edges(state: State, asked: tuple[Edge, ...], drawn: Parameters) -> Parameters:
    """Draws (flights,) in which flight i lies at edge i modulo their count."""
    ranges, moved = dict(state.ranges), {name: np.array(values) for name, values in drawn.items()}
    for number, (name, end) in enumerate(asked):
        chance = jnp.asarray(np.clip(ranges[name][end], 1e-7, 1 - 1e-7), jnp.float32)
        moved[name][number :: len(asked)] = float(state.full[name].quantile(chance))
    return {name: jnp.asarray(values) for name, values in moved.items()}


def learn(
    curriculum: Curriculum,
    world: World,
    prior: Prior,
    key: Key,
    *,
    window_count: int,
    fit: Callable[[Learner | None, Values, Answers, int], Learner],
    score: Callable[[Learner, Values, Answers], float],
    progress: Callable[[int, State, Mapping[Edge, float]], None] | None = None,
) -> tuple[Learner, State]:
    """Rounds of learning and examination; the same key, fit and score give the same learner, bit for bit.

    Args:
        curriculum: how randomisation widens.
        world: who makes the windows.
        prior: where randomisation ends.
        key: of all chance in the windows.
        window_count: simulated for each round.
        fit: (learner or None at first, values, labels, number of the round) → learner.
        score: (learner, values (count, time, channels), labels) → accuracy or R² at one edge; pure.
        progress: called after every round with its number, the ranges it learned from and the scores.

    Returns:
        The learner and the ranges that its last examination opened.
    """
    state, learner = curriculum.start(prior), None
    for number in range(curriculum.rounds):
        learning, examining = jax.random.split(jax.random.fold_in(key, number))
        learner = fit(learner, *windows(world, learning, window_count, state.prior), number)
        scores = {edge: score(learner, *asked) for edge, *asked in examinations(world, state, examining)}
        if progress is not None:
            progress(number, state, scores)
        state = widen(curriculum, state, scores)
    assert learner is not None  # there is one round at least
    return learner, state


def _varying(prior: Prior) -> list[str]:
    """Parameters that are not constant."""
    rows = zip(prior.parameters, prior.distributions, strict=True)
    return [parameter.name for parameter, distribution in rows if np.ptp(distribution.support()) > 0]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))


def _need(good: bool, field: str, problem: str, curriculum: Curriculum) -> None:
    if not good:
        found = repr(getattr(curriculum, field))
        path, remedy = f"curriculum.{field}", f"Correct {field}, or leave it out."
        raise Refused(Reason.FIELD_INVALID, field=path, problem=problem, found=found, remedy=remedy)
