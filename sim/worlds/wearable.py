"""A person sits, stands up, walks, turns, walks, turns and sits down, with a phone in a pocket and a watch on a wrist.

The body follows the script (``sim.body.activity``), its limbs follow the body (``sim.body.skeleton``), a device is worn
somewhere on them (``sim.body.places``) and feels, from one sample to the next over T = 1/50 s,

    a_t = (x_{t+1} - 2 x_t + x_{t-1}) / T² + shock,      w_t = log(q_{t-1}* q_{t+1}) / 2T,

which an inertial sensor reads. An activity is labelled as commanded, late or early by the annotator's lag. Windows are
cut from each part of the script where at least 0.6 of a window has its label, so each flight gives the same number.

Reference: Matey-Sanz, Casteleyn & Granell, Dataset of inertial measurements of smartphones and smartwatches for human
activity recognition, Data in Brief 2023, https://doi.org/10.1016/j.dib.2023.109809.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from sim.body import activity, skeleton
from sim.body.activity import CLASSES, RATE_HZ, SCRIPT, Body, act, plan_s
from sim.body.places import PHONE, WATCH, Place, Worn
from sim.body.rotation import rate
from sim.priors import Distribution, Normal, Parameter, Parameters, Prior
from sim.sensor import Sensor
from sim.sensors.imu import Motion, imu
from sim.world import Flight, Made, World, compiled
from slipway.spec import SensorSpec, TaskSpec

WINDOW_LENGTH = 64
PURITY = 0.6  # least share of a window's samples that have its label
WINDOWS_A_PART = (1, 2, 3, 2, 3, 2, 2, 1)  # of SCRIPT, each flight
FLIGHT_SAMPLES = 870  # holds every script within the prior
FLIGHT_COUNT = 128

LABEL_ROWS: tuple[tuple[Parameter, Distribution], ...] = (
    (Parameter("label_lag_s", "s", -0.2, 0.2, "activities are labelled so much later"), Normal(0.0, 0.08, -0.2, 0.2)),
)


def wear(place: Place, body: Body, p: Parameters) -> Worn:
    """Where the device is and how it is turned when the body is so."""
    return place.wear(skeleton.skeleton(body, p), body, p)


def felt(worn: Worn) -> Motion:
    """The motion (time - 2,) of a device from one sample to the next; every leaf of ``worn`` is (time,)."""
    before, now, after = (jax.tree.map(lambda leaf, i=i: leaf[i : len(leaf) - 2 + i], worn) for i in range(3))
    rows = zip(before.frame.place, now.frame.place, after.frame.place, now.shock_m_s2, strict=True)
    acceleration = [(a - 2 * b + c) * RATE_HZ**2 + shock for a, b, c, shock in rows]
    rotation = rate(before.frame.axes, after.frame.axes, 2 / RATE_HZ)
    orientation, *others = (jnp.stack(some, axis=-1) for some in (now.frame.axes, acceleration, rotation))
    return Motion(orientation, *others)


def record(place: Place, p: Parameters, key: jax.Array, sample_count: int = FLIGHT_SAMPLES) -> tuple[Motion, jax.Array]:
    """A whole script without a sensor: the device's motion and the activities, int32, both (sample_count,)."""
    worn, activities = act(p, key, sample_count + 2, lambda body: wear(place, body, p))
    return felt(worn), activities[1:-1]


def _starts(p: Parameters, chance: jax.Array) -> jax.Array:
    """First samples (windows,) int32 of windows that lie well enough in their parts of the script."""
    ends = (plan_s(p) + p["label_lag_s"]) * RATE_HZ
    begins = jnp.concatenate([jnp.zeros(1), ends[:-1]])
    outside = (1 - PURITY) * WINDOW_LENGTH
    first = jnp.maximum(jnp.ceil(begins - outside), 0.0)
    last = jnp.maximum(jnp.floor(ends + outside) - WINDOW_LENGTH, first)
    part = jnp.asarray(_PARTS)
    return jnp.round(first[part] + chance * (last - first)[part]).astype(jnp.int32)


_PARTS = [part for part, count in enumerate(WINDOWS_A_PART) for _ in range(count)]
_LABELS = [SCRIPT[part] for part in _PARTS]


def flight(place: Place, sensor: Sensor) -> Flight:
    """(key, parameters) → windows (count, time, channels) of one recording, and their labels (count,)."""

    def fly(key: jax.Array, p: Parameters) -> Made:
        acting, sensing, cutting = jax.random.split(key, 3)
        reading = sensor.measure(record(place, p, acting)[0], p, sensing)
        starts = _starts(p, jax.random.uniform(cutting, (len(_PARTS),)))
        cut = jax.vmap(lambda start: jax.lax.dynamic_slice(reading, (start, 0), (WINDOW_LENGTH, 6)))
        return cut(starts), jnp.asarray(_LABELS, jnp.int32)

    return fly


def wearable(place: Place, sensor: Sensor) -> World:
    """The world of one device."""
    rows = (*activity.ROWS, *skeleton.ROWS, *place.rows, *LABEL_ROWS)
    parameters, distributions = zip(*rows, strict=True)
    prior = Prior((*parameters, *sensor.parameters), (*distributions, *sensor.prior.distributions))
    name = f"wearable_{place.name}"
    task = TaskSpec(name, SensorSpec(sensor.channels, RATE_HZ, WINDOW_LENGTH), CLASSES)
    return World(name, task, prior, compiled(flight(place, sensor)), FLIGHT_COUNT)


@dataclass(frozen=True, eq=False)
class Device:
    """What is worn where, and the world seen through it."""

    place: Place
    sensor: Sensor
    world: World


def _device(place: Place) -> Device:
    sensor = imu(rate_hz=RATE_HZ)
    return Device(place, sensor, wearable(place, sensor))


DEVICES: dict[str, Device] = {place.name: _device(place) for place in (PHONE, WATCH)}
WEARABLE_PHONE, WEARABLE_WATCH = (DEVICES[name].world for name in ("phone", "watch"))
