"""The checker lets a sound world pass and catches one planted offence of each kind."""

import itertools
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sim.check import check_world
from sim.priors import Constant, Parameter, Prior, Uniform
from sim.stepped import stepped_world
from sim.world import World, compiled
from slipway.errors import Refused
from slipway.spec import Channel, SensorSpec, TaskSpec
from tests.sim.toy import STEPS, TASK, TOY

COUNTER = itertools.count()


def _impure(state: Any, p: Any, key: Any) -> jax.Array:
    """Takes its chance from outside of the key, as ``numpy.random`` would."""
    outside = jax.pure_callback(lambda: jnp.float32(next(COUNTER)), jax.ShapeDtypeStruct((), jnp.float32))
    return STEPS.observe(state, p, key) + outside


def _exact(state: Any, p: Any, key: Any) -> jax.Array:
    return state + jnp.zeros(2)


OFFENCES: dict[str, tuple[dict[str, Any], str]] = {
    "one channel missing": ({"observe": lambda s, p, k: STEPS.observe(s, p, k)[:1]}, "observe"),
    "whole numbers": ({"observe": lambda s, p, k: STEPS.observe(s, p, k).astype(jnp.int32)}, "observe"),
    "not a number": ({"observe": lambda s, p, k: jnp.sqrt(STEPS.observe(s, p, k))}, "observe"),
    "label as float": ({"label": lambda s, r, p: jnp.float32(s > 0)}, "label"),
    "a label a channel": ({"label": lambda s, r, p: (r > 0).astype(jnp.int32)}, "label"),
    "label outside the classes": ({"label": lambda s, r, p: (s > 0).astype(jnp.int32) * 2}, "label"),
    "negative label": ({"label": lambda s, r, p: (s > 0).astype(jnp.int32) - 1}, "label"),
    "one class never seen": ({"label": lambda s, r, p: jnp.int32(0)}, "label"),
    "step changes the state's shape": ({"step": lambda s, a, p, k: s[None]}, "step"),
    "disturb changes the state's type": ({"disturb": lambda s, p, k: s > 0}, "disturb"),
    "chance from outside the key": ({"observe": _impure}, "windows"),
    "no chance at all": (
        {"init": lambda k, p: jnp.float32(0.1), "step": lambda s, a, p, k: -s, "observe": _exact},
        "windows",
    ),
    "a parameter without a unit": (
        {"prior": Prior((Parameter("pace", "", 0, 1, "x"), TOY.prior.parameters[1]), TOY.prior.distributions)},
        "prior.pace",
    ),
    "two parameters of one name": (
        {"prior": Prior((TOY.prior.parameters[0],) * 2, (TOY.prior.distributions[0],) * 2)},
        "prior",
    ),
}  # fmt: skip


def test_a_sound_world_passes() -> None:
    check_world(TOY)


@pytest.mark.parametrize("name", OFFENCES)
def test_an_offence_is_caught_and_the_function_named(name: str) -> None:
    changes, field = OFFENCES[name]
    prior = changes.get("prior", TOY.prior)
    steps = replace(STEPS, **{part: change for part, change in changes.items() if part != "prior"})
    with pytest.raises(Refused) as refusal:
        check_world(stepped_world("toy", TASK, prior, steps))
    assert refusal.value.field == field
    assert refusal.value.remedy


def test_the_report_says_what_was_seen() -> None:
    report = check_world(TOY)
    assert report.windows_a_second > 0 and report.window_bytes == 4 * 3 * 2
    assert set(report.shares) == {"low", "high"} and sum(report.shares.values()) == pytest.approx(1)
    assert report.chance == max(report.shares.values()) and report.correlations == {}


@dataclass(frozen=True)
class Broken(Uniform):
    """Promises one range and draws from another."""

    def quantile(self, u: jax.Array) -> jax.Array:
        return super().quantile(u) + 1.5


@dataclass(frozen=True)
class Wide(Uniform):
    """Draws a vector for each number."""

    def quantile(self, u: jax.Array) -> jax.Array:
        return jnp.stack([u, u], axis=-1)


@pytest.mark.parametrize("distribution", [Broken(0.1, 0.5), Wide(0.1, 0.5)], ids=["outside", "shape"])
def test_draws_that_are_not_physical_are_caught(distribution: Uniform) -> None:
    with pytest.raises(Refused, match="draws must") as refusal:
        check_world(replace(TOY, prior=TOY.prior.replace(pace=distribution)))
    assert refusal.value.field == "prior.pace"


# A spring whose force is to be told from place and acceleration: F = m a + k x.
SPRING_PRIOR = Prior(
    (
        Parameter("mass_kg", "kg", 0.1, 10.0, "that swings"),
        Parameter("stiffness_n_m", "N/m", 0.1, 10.0, "of the spring"),
        Parameter("noise", "1", 0.0, 1.0, "of the force's reading, which no physics explains"),
        Parameter("length_m", "m", 0.0, 10.0, "known"),
    ),
    (Uniform(1.0, 2.0), Uniform(1.0, 3.0), Uniform(0.0, 0.1), Constant(1.0)),
)
SPRING_TASK = TaskSpec(
    "spring",
    SensorSpec((Channel("place", "m"), Channel("acceleration", "m/s2")), 100.0, 4),
    outputs=(Channel("force", "N"),),
)


def _spring(p: Any, values: jax.Array) -> jax.Array:
    return (p["mass_kg"] * values[:, -1, 1] + p["stiffness_n_m"] * values[:, -1, 0])[:, None]


@compiled
def _swing(key: Any, p: Any) -> Any:
    reading, hearing = jax.random.split(key)
    values = jax.random.normal(reading, (8, 4, 2))
    return values, _spring(p, values) + p["noise"] * jax.random.normal(hearing, (8, 1))


SPRING = World("spring", SPRING_TASK, SPRING_PRIOR, _swing, flight_count=64, explain=_spring)


def _rooted(p: Any, values: jax.Array) -> jax.Array:
    """Right answers, but the gradient of the branch that is not taken is not a number."""
    safe = jnp.where(p["mass_kg"] > 0, 0.0, jnp.sqrt(p["mass_kg"] - p["mass_kg"]))
    return _spring(p, values) + safe


PHYSICS: dict[str, tuple[Any, str]] = {
    "one output too many": (lambda p, v: jnp.tile(_spring(p, v), (1, 2)), "explain"),
    "no axis of outputs": (lambda p, v: _spring(p, v)[:, 0], "explain"),
    "not a number": (lambda p, v: _spring(p, v) + jnp.sqrt(v[:, -1, :1]), "explain"),
    "another sample": (lambda p, v: _spring(p, v[:, :-1]), "explain"),
    "the other sign": (lambda p, v: -_spring(p, v), "explain"),
    "the same for all": (lambda p, v: jnp.ones((len(v), 1)) * p["mass_kg"], "explain"),
    "a gradient that stops": (
        lambda p, v: _spring({**p, "stiffness_n_m": jax.lax.stop_gradient(p["stiffness_n_m"])}, v),
        "explain.stiffness_n_m",
    ),
    "a parameter in steps": (lambda p, v: _spring({**p, "mass_kg": jnp.round(p["mass_kg"], 2)}, v), "explain.mass_kg"),
    "a gradient that is not a number": (_rooted, "explain.mass_kg"),
}


def test_sound_physics_passes_and_its_fit_is_reported() -> None:
    report = check_world(SPRING)
    assert report.correlations["force"] > 0.99 and report.chance == 0.0 and report.shares == {}


@pytest.mark.parametrize("name", PHYSICS)
def test_physics_that_breaks_its_claim_is_caught(name: str) -> None:
    explain, field = PHYSICS[name]
    with pytest.raises(Refused) as refusal:
        check_world(replace(SPRING, explain=explain))
    assert refusal.value.field == field and refusal.value.remedy


MADE: dict[str, tuple[Any, str]] = {
    "labels as floats": (lambda v, y: (v, y.astype(np.float32)), "label"),
    "two labels a window": (lambda v, y: (v, np.stack([y, y], axis=1)), "label"),
    "a label too few": (lambda v, y: (v, y[1:]), "label"),
    "values of double precision": (lambda v, y: (v.astype(np.float64), y), "windows"),
    "windows too short": (lambda v, y: (v[:, 1:], y), "windows"),
    "a flight cut short": (lambda v, y: (v[1:], y[1:]), "windows"),
    "no windows": (lambda v, y: (v[:0], y[:0]), "windows"),
}


@pytest.mark.parametrize("name", MADE)
def test_a_batch_of_another_form_is_caught_before_it_is_cast(name: str) -> None:
    change, field = MADE[name]
    made = jax.jit(TOY.simulate)  # steps=None: a world that writes simulate itself, in NumPy

    def simulate(key: Any, p: Any) -> Any:
        return change(*jax.device_get(made(key, p)))

    with pytest.raises(Refused) as refusal:
        check_world(replace(TOY, simulate=simulate, steps=None))
    assert refusal.value.field == field
