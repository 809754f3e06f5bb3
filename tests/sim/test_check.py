"""The checker lets a sound world pass and catches one planted offence of each kind."""

import itertools
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from sim.check import check_world
from sim.priors import Parameter, Prior
from sim.stepped import stepped_world
from slipway.errors import Refused
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
