"""The checker lets a sound sensor pass and catches one planted offence of each kind."""

import itertools
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from sim.check_sensor import check_sensor
from sim.priors import Constant, Normal, Parameter
from sim.sensor import Sensor
from slipway.errors import Refused
from slipway.spec import Channel
from tests.sim.sensors.toy import TOY

COUNTER = itertools.count()
OFFSET = TOY.parameters[0]
NOISE = Parameter("toy_noise_m", "m", 0.0, 1.0, "deviation")
NOISY: dict[str, Any] = {
    "parameters": (OFFSET, NOISE),
    "distributions": {**TOY.distributions, "toy_noise_m": Constant(0.1)},
}


def _impure(truth: Any, p: Any, key: Any) -> jax.Array:
    """Takes its chance from outside of the key, as ``numpy.random`` would."""
    outside = jax.pure_callback(lambda: jnp.float32(next(COUNTER)), jax.ShapeDtypeStruct((), jnp.float32))
    return TOY.measure(truth, p, key) + outside


def _one(parameter: Parameter) -> dict[str, Any]:
    return {"parameters": (parameter,), "distributions": {parameter.name: Normal(0.0, 0.1, -0.5, 0.5)}}


OFFENCES: dict[str, tuple[dict[str, Any], str]] = {
    "a name with capitals": ({"name": "Toy"}, "name"),
    "no rate": ({"rate_hz": 0.0}, "rate_hz"),
    "no channels": ({"channels": ()}, "sensor.channels"),
    "channels of one name": ({"channels": (Channel("left", "m"),) * 2}, "sensor.channels"),
    "no reference": ({"reference": " "}, "reference"),
    "two parameters of one name": ({"parameters": (OFFSET, OFFSET)}, "parameters"),
    "a name without the sensor's": (_one(replace(OFFSET, name="offset_m")), "parameters.offset_m"),
    "no unit": (_one(replace(OFFSET, unit="")), "parameters.toy_offset_m"),
    "no words": (_one(replace(OFFSET, doc="")), "parameters.toy_offset_m"),
    "bounds that cross": (_one(replace(OFFSET, low=2.0)), "parameters.toy_offset_m"),
    "a unit not told by the name": (_one(replace(OFFSET, unit="rad/s")), "parameters.toy_offset_m"),
    "a parameter without a distribution": ({"distributions": {}}, "distributions"),
    "a distribution without a parameter": ({"distributions": NOISY["distributions"]}, "distributions"),
    "a distribution out of bounds": ({"distributions": {"toy_offset_m": Constant(7.0)}}, "prior.toy_offset_m"),
    "a gradient of no parameter": ({"differentiable": ("toy_gain",)}, "differentiable"),
    "one channel missing": ({"measure": lambda t, p, k: TOY.measure(t, p, k)[:, :1]}, "measure"),
    "one sample missing": ({"measure": lambda t, p, k: TOY.measure(t, p, k)[1:]}, "measure"),
    "whole numbers": ({"measure": lambda t, p, k: TOY.measure(t, p, k).astype(jnp.int32)}, "measure"),
    "not a number": ({"measure": lambda t, p, k: jnp.sqrt(TOY.measure(t, p, k))}, "measure"),
    "chance from outside the key": ({"measure": _impure}, "measure"),
    "noise that never changes": (
        {**NOISY, "measure": lambda t, p, k: TOY.measure(t, p, k) + jax.random.normal(jax.random.key(3), t.shape)},
        "measure",
    ),
    "parameters that do nothing": ({"measure": lambda t, p, k: t, "differentiable": ()}, "measure"),
    "an example that never changes": ({"example": lambda k, n: TOY.example(jax.random.key(3), n)}, "example"),
    "blind to the truth": ({"measure": lambda t, p, k: 0 * t + p["toy_offset_m"]}, "example"),
    "a gradient that rounding kills": (
        {"measure": lambda t, p, k: jnp.round(50 * TOY.measure(t, p, k)) / 50},
        "differentiable.toy_offset_m",
    ),
    "a gradient of another equation": (
        {"measure": lambda t, p, k: TOY.measure(t, p, k) + jax.lax.stop_gradient(p["toy_offset_m"])},
        "differentiable.toy_offset_m",
    ),
    "a gradient that is not finite": (
        {"measure": lambda t, p, k: TOY.measure(t, p, k) + 0 * jnp.sqrt(0 * p["toy_offset_m"])},
        "differentiable.toy_offset_m",
    ),
}  # fmt: skip


def test_a_sound_sensor_passes() -> None:
    check_sensor(TOY)


def test_noise_drawn_from_the_key_passes() -> None:
    def measure(truth: Any, p: Any, key: Any) -> jax.Array:
        return TOY.measure(truth, p, key) + p["toy_noise_m"] * jax.random.normal(key, truth.shape)

    check_sensor(replace(TOY, measure=measure, **NOISY))


@pytest.mark.parametrize("name", OFFENCES)
def test_an_offence_is_caught_and_the_field_named(name: str) -> None:
    changes, field = OFFENCES[name]
    sensor: Sensor = replace(TOY, **changes)
    with pytest.raises(Refused) as refusal:
        check_sensor(sensor, sample_count=64)
    assert refusal.value.field == field
    assert refusal.value.remedy
