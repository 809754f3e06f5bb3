"""Randomisation widens as the learner copes, end by end, and a job repeats it bit for bit."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.curriculum import Curriculum, Edge, State, edges, examinations, learn, widen
from sim.priors import Between, Constant, Group, Uniform
from slipway.errors import Refused
from slipway.windows import Answers, Values
from tests.sim.toy import TOY

PRIOR = TOY.prior.replace(noise=Uniform(0.0, 1.0))
CURRICULUM = Curriculum(rounds=5, start_share=0.2, step=0.2, cope_above=0.9)
KEY = jax.random.key(2)
SMALL = replace(TOY, flight_count=64)


def ridge(learner: Any, values: Values, labels: Answers, number: int) -> np.ndarray:
    """Least squares from readings to a label of -1 or 1: the smallest learner there is."""
    x = _columns(values)
    return np.linalg.solve(x.T @ x + 1e-3 * np.eye(x.shape[1]), x.T @ (2.0 * labels - 1))


def accuracy(learner: np.ndarray, values: Values, labels: Answers) -> float:
    return float(np.mean((_columns(values) @ learner > 0) == (labels == 1)))


def _columns(values: Values) -> np.ndarray:
    flat = values.reshape(len(values), -1).astype(np.float64)
    return np.concatenate([flat, np.ones((len(flat), 1))], axis=1)


def _learn(curriculum: Curriculum = CURRICULUM, fit: Any = ridge) -> tuple[np.ndarray, State]:
    return learn(curriculum, SMALL, PRIOR, KEY, window_count=2000, fit=fit, score=accuracy)


def test_learning_starts_near_the_middle_of_what_varies() -> None:
    start = CURRICULUM.start(PRIOR.replace(pace=0.3))
    assert dict(start.ranges) == {"noise": (0.4, 0.6)}
    assert start.prior["noise"] == Between(PRIOR["noise"], 0.4, 0.6) and start.prior["pace"] == Constant(0.3)


def test_an_end_moves_where_the_learner_copes_and_only_there() -> None:
    start = CURRICULUM.start(PRIOR)
    after = widen(CURRICULUM, start, {("pace", 0): 0.9, ("pace", 1): 0.89, ("noise", 1): float("nan")})
    assert dict(after.ranges) == {"pace": (0.2, 0.6), "noise": (0.4, 0.6)}
    assert start == CURRICULUM.start(PRIOR)


@settings(max_examples=60)
@given(scores=st.lists(st.dictionaries(st.sampled_from(edges(CURRICULUM.start(PRIOR))), st.floats(0, 1)), max_size=12))
def test_ranges_only_grow_and_never_leave_the_prior(scores: list[Mapping[Edge, float]]) -> None:
    state = CURRICULUM.start(PRIOR)
    for some in scores:
        after = widen(CURRICULUM, state, some)
        for (_, (low, high)), (_, (old_low, old_high)) in zip(after.ranges, state.ranges, strict=True):
            assert 0 <= low <= old_low and old_high <= high <= 1
        state = after


def test_full_mastery_ends_at_the_full_prior_with_nothing_left_to_ask() -> None:
    state = CURRICULUM.start(PRIOR)
    for _ in range(2):
        state = widen(CURRICULUM, state, dict.fromkeys(edges(state), 1.0))
    assert state.share == 1.0 and not edges(state) and not list(examinations(SMALL, state, KEY))
    drawn, full = state.prior.sample(KEY, 32), PRIOR.sample(KEY, 32)
    assert all(np.array_equal(drawn[name], full[name]) for name in full)


def test_an_examination_lies_at_its_edge_and_within_the_ranges_else() -> None:
    """A world that shows its parameters."""
    noted: list[dict[str, np.ndarray]] = []

    def simulate(key: Any, parameters: Any) -> Any:
        noted.append(parameters)
        seen = np.stack([parameters["pace"], parameters["noise"]], -1)
        return np.repeat(seen[:, None].astype(np.float32), 3, axis=1), np.zeros(len(seen), np.int32)

    state = CURRICULUM.start(PRIOR)
    exams = list(examinations(replace(TOY, flight_count=20, simulate=simulate), state, KEY))
    assert [edge for edge, *_ in exams] == [("pace", 0), ("pace", 1), ("noise", 0), ("noise", 1)]
    limits = {"pace": (0.26, 0.34), "noise": (0.4, 0.6)}
    for (name, end), values, _ in exams:
        assert len(values) >= 8 and len(values) == len(exams[0][1])
        column = list(limits).index(name)
        assert np.allclose(values[..., column], limits[name][end])
        low, high = limits[list(limits)[1 - column]]
        other = values[:, 0, 1 - column]
        assert other.min() >= low - 1e-6 and other.max() <= high + 1e-6 and np.ptp(other) > 0
    assert {len(parameters["pace"]) for parameters in noted} == {20}


def test_a_learner_that_copes_earns_a_wider_world() -> None:
    _, state = _learn()
    ends = dict(state.ranges)
    assert state.share > 0.7 and ends["noise"][0] == 0.0
    assert ends["noise"][1] < 1.0  # the noisiest readings say too little: nobody copes there


def test_a_learner_that_does_not_cope_stays() -> None:
    def hopeless(learner: Any, values: Values, labels: Answers, number: int) -> np.ndarray:
        return -ridge(learner, values, labels, number)

    assert _learn(fit=hopeless)[1] == CURRICULUM.start(PRIOR)


def test_the_learner_is_handed_on_and_each_round_has_windows_of_its_own() -> None:
    seen: list[tuple[Any, float, int]] = []

    def fit(learner: Any, values: Values, labels: Answers, number: int) -> np.ndarray:
        seen.append((learner, float(values.sum()), number))
        return ridge(learner, values, labels, number)

    _learn(replace(CURRICULUM, cope_above=1.0, rounds=3), fit)
    assert seen[0][0] is None and seen[1][0] is not None
    assert [number for *_, number in seen] == [0, 1, 2] and len({total for _, total, _ in seen}) == 3


def test_the_same_key_learns_the_same_bit_for_bit() -> None:
    (one, first), (other, second) = _learn(), _learn()
    assert np.array_equal(one, other) and first == second
    assert first.to_json() == second.to_json()


def test_progress_tells_what_was_learned_from_and_how_it_went() -> None:
    told: list[tuple[int, float, int]] = []
    learn(
        replace(CURRICULUM, rounds=2, cope_above=0.8), SMALL, PRIOR, KEY, window_count=500, fit=ridge, score=accuracy,
        progress=lambda number, state, scores: told.append((number, round(state.share, 6), len(scores))),
    )  # fmt: skip
    assert told[0] == (0, 0.2, 4) and told[1][0] == 1 and told[1][1] > 0.2


def test_groups_stay_together_while_the_ranges_are_narrow() -> None:
    group = Group.of(("pace", "noise"), [[1.0, 0.9], [0.9, 1.0]])
    drawn = CURRICULUM.start(PRIOR.together(group)).prior.sample(KEY, 4000)
    assert np.corrcoef(drawn["pace"], drawn["noise"])[0, 1] > 0.85


def test_a_curriculum_is_a_value_that_survives_json() -> None:
    assert Curriculum.from_json(json.loads(json.dumps(CURRICULUM.to_json()))) == CURRICULUM
    assert Curriculum.from_json({"rounds": 3}) == Curriculum(rounds=3)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (7, "curriculum"),
        ({"speed": 1}, "curriculum"),
        ({"rounds": 0}, "curriculum.rounds"),
        ({"rounds": 2.5}, "curriculum.rounds"),
        ({"rounds": True}, "curriculum.rounds"),
        ({"rounds": 10**9}, "curriculum.rounds"),
        ({"start_share": 1.5}, "curriculum.start_share"),
        ({"start_share": "some"}, "curriculum.start_share"),
        ({"step": 0}, "curriculum.step"),
        ({"step": float("nan")}, "curriculum.step"),
        ({"cope_above": 1.2}, "curriculum.cope_above"),
        ({"cope_above": None}, "curriculum.cope_above"),
    ],
)
def test_what_is_no_curriculum_is_refused(value: object, field: str) -> None:
    with pytest.raises(Refused) as refusal:
        Curriculum.from_json(value)
    assert refusal.value.field == field and refusal.value.remedy
