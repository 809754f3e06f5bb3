"""Contact forces: a multi-axis load cell, and a switch that says whether there is contact.

A load cell's axes leak into one another (cross-talk, C), its bridge follows the load through a first-order filter, and
its body creeps: under a load held, the reading grows by a share c with a time constant of minutes,

    r(t) = (f + c h * f)(t),   f = C load behind the bridge's filter, h that of the creep.

A switch closes above one force and opens below a lower one.

Reference: ISO 376:2011 (creep); IEC 61298-2:2008 (hysteresis, dead band); Siciliano & Khatib,
Springer Handbook of Robotics, 2nd ed. 2016, ch. 28.
"""

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from sim.priors import Choice, LogUniform, Normal, Parameter, Parameters, Uniform
from sim.sensor import Key, Sensor
from sim.sensors.joint import row
from sim.sensors.naming import Row, own, prefixed
from sim.sensors.rounding import quantise
from slipway.spec import Channel

_REFERENCE = "ISO 376:2011; IEC 61298-2:2008; Springer Handbook of Robotics, 2nd ed. 2016, ch. 28"


class Contact(NamedTuple):
    """What presses on a foot or a hand."""

    force_n: jax.Array  # (time, 3) in the sensor's axes; z is into it, positive when pressed


@partial(jax.jit, static_argnums=(1, 2))
def stepping(key: Key, sample_count: int, rate_hz: float) -> Contact:
    """A foot that is set down and lifted every second, with some shear."""
    phase, load = jax.random.uniform(key, (2,))
    turn = 2 * math.pi * (jnp.arange(sample_count, dtype=jnp.float32) / rate_hz + phase)
    press = (20 + 80 * load) * jnp.maximum(jnp.sin(turn), 0.0)
    return Contact(jnp.stack([0.3 * press * jnp.cos(turn), 0.1 * press * jnp.sin(3 * turn), press], axis=1))


def force(*, rate_hz: float, name: str = "force") -> Sensor:
    """Forces along x, y and z [N]; truth: ``Contact``."""
    cross = "one axis in another: xy xz yx yz zx zy"
    rows: tuple[Row, ...] = (
        (Parameter("gain", "1", 0.2, 5.0, "force read over true, each axis", 3), Normal(1.0, 0.02, 0.9, 1.1)),
        (Parameter("cross_talk", "1", -0.5, 0.5, cross, 6), Normal(0, 0.01, -0.05, 0.05)),
        (Parameter("offset_n", "N", -1e3, 1e3, "reading without load, each axis", 3), Normal(0.0, 1.0, -5.0, 5.0)),
        (Parameter("creep_share", "1", 0.0, 0.5, "growth of the reading under a long load"), LogUniform(1e-3, 3e-2)),
        (Parameter("creep_s", "s", 0.1, 1e5, "time constant of that growth"), LogUniform(10.0, 300.0)),
        (Parameter("response_s", "s", 1e-5, 10.0, "time constant of the bridge's filter"), LogUniform(5e-4, 2e-2)),
        (Parameter("noise_n_rthz", "N/Hz^0.5", 0.0, 100.0, "density of white noise"), LogUniform(1e-3, 5e-2)),
        (Parameter("range_n", "N", 0.1, 1e6, "largest reading"), Choice((200.0, 500.0, 1000.0), (1, 1, 1))),
        (Parameter("resolution_n", "N", 1e-6, 100.0, "step of a reading"), LogUniform(1e-2, 1.0)),
    )  # fmt: skip
    parameters, distributions = prefixed(name, rows)

    def measure(truth: Contact, values: Parameters, key: Key) -> jax.Array:
        p = own(name, rows, values)
        load = jnp.matmul(truth.force_n, _coupling(p).T, precision="highest")
        followed = _followed(load, p["response_s"], rate_hz)
        crept = followed + p["creep_share"] * _followed(followed, p["creep_s"], rate_hz)
        noise = p["noise_n_rthz"] * math.sqrt(rate_hz) * jax.random.normal(key, load.shape)
        read = crept + row(p["offset_n"]) + noise
        return quantise(jnp.clip(read, -p["range_n"], p["range_n"]), p["resolution_n"])

    return Sensor(
        name=name,
        channels=tuple(Channel(f"force_{axis}", "N") for axis in "xyz"),
        rate_hz=rate_hz,
        parameters=parameters,
        distributions=distributions,
        measure=measure,
        example=lambda key, sample_count: stepping(key, sample_count, rate_hz),
        reference=_REFERENCE,
        differentiable=tuple(f"{name}_{bare}" for bare in ("gain", "cross_talk", "offset_n", "response_s")),
    )


def _coupling(p: Parameters) -> jax.Array:
    """Gains on the diagonal, cross-talk off it: (3, 3)."""
    (x, y, z), (xy, xz, yx, yz, zx, zy) = p["gain"], p["cross_talk"]
    return jnp.stack([x, xy, xz, yx, y, yz, zx, zy, z]).reshape(3, 3)


def _followed(load: jax.Array, constant_s: jax.Array, rate_hz: float) -> jax.Array:
    """First-order low-pass of ``load`` (time, axes), at rest before the first sample: unloaded."""
    kept = jnp.exp(-1 / (rate_hz * constant_s))

    def onward(state: jax.Array, new: jax.Array) -> tuple[jax.Array, jax.Array]:
        after = kept * state + (1 - kept) * new
        return after, after

    return jax.lax.scan(onward, jnp.zeros_like(load[0]), load)[1]


def contact_switch(*, rate_hz: float, name: str = "switch") -> Sensor:
    """Contact as 1 or 0 [1] from the force along z; truth: ``Contact``."""
    rows: tuple[Row, ...] = (
        (Parameter("threshold_n", "N", 0.0, 1e5, "force above which it closes"), Uniform(5.0, 20.0)),
        (Parameter("hysteresis_share", "1", 0.0, 0.99, "how far below that it opens, as a share"), Uniform(0.1, 0.5)),
        (Parameter("noise_n_rthz", "N/Hz^0.5", 0.0, 100.0, "density of white noise"), LogUniform(1e-2, 0.3)),
    )  # fmt: skip
    parameters, distributions = prefixed(name, rows)

    def measure(truth: Contact, values: Parameters, key: Key) -> jax.Array:
        p = own(name, rows, values)
        noise = p["noise_n_rthz"] * math.sqrt(rate_hz) * jax.random.normal(key, truth.force_n.shape[:1])
        pressed = truth.force_n[:, 2] + noise
        opens = p["threshold_n"] * (1 - p["hysteresis_share"])

        def onward(closed: jax.Array, press: jax.Array) -> tuple[jax.Array, jax.Array]:
            after = press > jnp.where(closed, opens, p["threshold_n"])
            return after, after

        return jax.lax.scan(onward, jnp.asarray(False), pressed)[1].astype(jnp.float32)[:, None]

    return Sensor(
        name=name,
        channels=(Channel("contact", "1"),),
        rate_hz=rate_hz,
        parameters=parameters,
        distributions=distributions,
        measure=measure,
        example=lambda key, sample_count: stepping(key, sample_count, rate_hz),
        reference=_REFERENCE,
    )
