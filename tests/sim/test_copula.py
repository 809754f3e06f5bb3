"""Correlated groups: each parameter keeps its own distribution, and they move together as told."""

import json

import jax
import numpy as np
import pytest

from sim.priors import Choice, Constant, Group, LogUniform, Normal, Parameter, Prior, Uniform
from slipway.errors import Reason, Refused

NAMES = ("mass_kg", "length_m", "colour")
PARAMETERS = (
    Parameter("mass_kg", "kg", 0.01, 100.0, "of the arm"),
    Parameter("length_m", "m", 0.01, 10.0, "of the arm"),
    Parameter("colour", "1", 0.0, 1.0, "nothing to do with it"),
    Parameter("gain", "1", 0.5, 2.0, "each sensor's gain", size=3),
)
ALONE = Prior(PARAMETERS, (LogUniform(0.1, 10.0), Uniform(0.2, 0.8), Uniform(0.0, 1.0), Normal(1.0, 0.1, 0.8, 1.2)))
GROUP = Group(("mass_kg", "length_m"), ((1.0, 0.8), (0.8, 1.0)))
GROUPED = ALONE.together(GROUP)
KEY = jax.random.key(4)


def _rank_correlation(one: jax.Array, other: jax.Array) -> float:
    return float(np.corrcoef(np.argsort(np.argsort(one)), np.argsort(np.argsort(other)))[0, 1])


@pytest.mark.parametrize("correlation", [-0.9, 0.0, 0.5, 0.95])
def test_draws_move_together_as_told(correlation: float) -> None:
    """Spearman's rank correlation of a Gaussian copula is 6/π asin(ρ/2)."""
    group = Group.of(("mass_kg", "length_m"), [[1, correlation], [correlation, 1]])
    found = ALONE.together(group).sample(KEY, 20_000)
    expected = 6 / np.pi * np.arcsin(correlation / 2)
    assert _rank_correlation(found["mass_kg"], found["length_m"]) == pytest.approx(expected, abs=0.015)


def test_every_parameter_keeps_its_own_distribution() -> None:
    chances = np.linspace(0.01, 0.99, 50)
    alone, grouped = ALONE.sample(KEY, 50_000), GROUPED.sample(KEY, 50_000)
    for name in GROUP.names:
        assert np.allclose(np.quantile(grouped[name], chances), np.quantile(alone[name], chances), rtol=0.06)


def test_what_is_in_no_group_draws_as_before_bit_for_bit() -> None:
    alone, grouped = ALONE.sample(KEY, 64), GROUPED.sample(KEY, 64)
    assert np.array_equal(alone["colour"], grouped["colour"]) and np.array_equal(alone["gain"], grouped["gain"])
    assert not np.array_equal(alone["length_m"], grouped["length_m"])


def test_draws_stay_within_the_bounds_at_the_rim() -> None:
    """Three nearly equal scores add up beyond what a float tells from one."""
    nearly = Group.of(NAMES, np.full((3, 3), 0.9999) + 0.0001 * np.eye(3))
    extreme = ALONE.together(nearly).replace(mass_kg=Normal(1.0, 100.0, 0.1, 10.0), colour=Choice((0.0, 1.0), (1, 1)))
    found = extreme.sample(KEY, 100_000)
    assert all(np.isfinite(values).all() for values in found.values())
    assert found["mass_kg"].min() >= 0.1 and found["mass_kg"].max() <= 10.0


def test_replacing_keeps_the_groups_and_the_centre_knows_none() -> None:
    changed = GROUPED.replace(mass_kg=Constant(1.0)).scale("length_m", by=1.1)
    assert changed.groups == (GROUP,)
    assert GROUPED.centre()["mass_kg"] == ALONE.centre()["mass_kg"]


def test_groups_survive_json_and_older_json_is_read() -> None:
    wire = json.loads(json.dumps(GROUPED.to_json()))
    assert Prior.from_json(wire, PARAMETERS) == GROUPED
    assert "groups" not in ALONE.to_json() and Prior.from_json(ALONE.to_json(), PARAMETERS) == ALONE


def test_groups_print() -> None:
    assert str(GROUPED).splitlines()[-1] == "together: length_m ~ mass_kg: +0.80"


@pytest.mark.parametrize(
    ("group", "words"),
    [
        (Group(("mass_kg", "weight"), GROUP.correlation), "is no parameter"),
        (Group(("mass_kg", "gain"), GROUP.correlation), "single numbers"),
        (Group(("mass_kg", "mass_kg"), GROUP.correlation), "different names"),
        (Group(("mass_kg",), ((1.0,),)), "two or more"),
        (Group(GROUP.names, ((1.0, 0.8),)), "2 by 2"),
        (Group(GROUP.names, ((1.0, 0.8), (0.7, 1.0))), "symmetric"),
        (Group(GROUP.names, ((0.9, 0.8), (0.8, 0.9))), "ones on its diagonal"),
        (Group(GROUP.names, ((1.0, 1.0), (1.0, 1.0))), "positive definite"),
        (Group(GROUP.names, ((1.0, float("nan")), (float("nan"), 1.0))), "from -1 to 1"),
        (Group.of(NAMES, [[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]]), "positive definite"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_group_is_refused(group: Group, words: str) -> None:
    with pytest.raises(Refused, match=words) as refusal:
        ALONE.together(group)
    assert refusal.value.field == "prior.groups[0]" and refusal.value.remedy


def test_a_parameter_is_in_one_group_at_most() -> None:
    with pytest.raises(Refused, match="one group at most") as refusal:
        ALONE.together(GROUP, Group(("length_m", "colour"), GROUP.correlation))
    assert refusal.value.field == "prior.groups[1]"


def test_the_key_of_the_groups_is_no_name_for_a_parameter() -> None:
    with pytest.raises(Refused, match="reserved"):
        Prior((Parameter("groups", "1", 0, 1, "x"),), (Constant(0.5),))


@pytest.mark.parametrize(
    ("value", "field", "reason"),
    [
        (7, "prior.groups", Reason.FIELD_INVALID),
        ([7], "prior.groups[0]", Reason.FIELD_INVALID),
        ([{"names": ["mass_kg", "length_m"]}], "prior.groups[0]", Reason.FIELD_INVALID),
        ([{"names": [1, 2], "correlation": []}], "prior.groups[0].names", Reason.FIELD_INVALID),
        ([{"names": ["a"] * 300, "correlation": []}], "prior.groups[0].names", Reason.LIMIT_EXCEEDED),
        ([{"names": list(GROUP.names), "correlation": [1, 2]}], "prior.groups[0].correlation", Reason.FIELD_INVALID),
        ([{"names": list(GROUP.names), "correlation": [["a", 1], [1, 1]]}], "prior.groups[0]", Reason.FIELD_INVALID),
        ([{}] * 65, "prior.groups", Reason.LIMIT_EXCEEDED),
    ],
)
def test_json_that_is_no_group_is_refused(value: object, field: str, reason: Reason) -> None:
    with pytest.raises(Refused) as refusal:
        Prior.from_json({**ALONE.to_json(), "groups": value}, PARAMETERS)
    assert refusal.value.field == field and refusal.value.reason is reason
