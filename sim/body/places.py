"""Where a device is worn, and how it feels the ground.

A phone lies in the left trouser pocket, on the thigh: it is turned about the thigh from the front to the outside
(azimuth), in one of four ways (screen out or in, upright or head down), and tilted. Its axes: x right and y up on the
screen, z out of it. A watch sits on the back of the left wrist: x to the hand, y to the little finger's side, z out of
the screen.

A heel strike runs up the leg as a damped oscillation, exp(-t / d) sin(2πft), strongest in the leg that strikes, and
shakes what lies loose in a pocket.

Reference: Android sensor coordinate system (developer.android.com/guide/topics/sensors/sensors_overview); Lafortune,
Three-dimensional acceleration of the tibia during walking and running, J. Biomech. 24(10), 1991.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sim.body.activity import Body
from sim.body.rotation import Turn, Vector, about_x, about_y, about_z, add, compose, rotate
from sim.body.skeleton import FOREARM, THIGH, Frame, Skeleton, lively
from sim.priors import Choice, Distribution, LogUniform, Normal, Parameter, Parameters, Uniform

Row = tuple[Parameter, Distribution]
# Phone axes in the thigh's, for a phone that faces forward, screen out and upright, and in the three other ways.
_UPRIGHT = Turn(*map(np.float32, (0.5, 0.5, 0.5, 0.5)))
_WATCH = Turn(*map(np.float32, (0.5, -0.5, 0.5, 0.5)))  # watch axes in the forearm's
STILL = 0.08  # share of what shakes a device that is left at rest
WAYS = ("back", "back_inv", "front", "front_inv")


class Worn(NamedTuple):
    """A device at one instant."""

    frame: Frame  # the place and the axes of its case
    shock_m_s2: Vector  # acceleration from heel strikes and jolts, world axes


class Place(NamedTuple):
    """Where a device is worn."""

    name: str
    rows: tuple[Row, ...]
    wear: Callable[[Skeleton, Body, Parameters], Worn]


def _strike(low: float, high: float, jolt: float) -> tuple[Row, ...]:
    return (
        (
            Parameter("strike_m_s2", "m/s2", 0.0, 100.0, "shock of the near heel, where the device is"),
            LogUniform(low, high),
        ),
        (Parameter("strike_far", "1", 0.0, 2.0, "shock of the other heel, as a share"), Uniform(0.1, 0.8)),
        (Parameter("strike_spread", "1", 0.0, 2.0, "log deviation of the shock from step to step"), Uniform(0.2, 0.8)),
        (Parameter("strike_hz", "Hz", 1.0, 25.0, "frequency of the shock"), Uniform(3.5, 10.0)),
        (Parameter("strike_decay_s", "s", 0.005, 0.3, "time constant of the shock"), Uniform(0.04, 0.11)),
        (Parameter("strike_aim_rad", "rad", -3.2, 3.2, "from along the limb to forward"), Normal(0.5, 0.6, -1.5, 2.5)),
        (
            Parameter("jolt_m_s2", "m/s2", 0.0, 20.0, "deviation of jolts about each axis while moving"),
            LogUniform(jolt / 2, jolt * 2),
        ),
    )


def _wave(body: Body, p: Parameters) -> jax.Array:
    """The shock so long after each heel's strike, as a multiple of the near heel's strength."""

    def since(phase: jax.Array, share: jax.Array | float) -> jax.Array:
        seconds = jnp.mod(phase, 1.0) * 2 / p["cadence_hz"]
        return share * jnp.exp(-seconds / p["strike_decay_s"]) * jnp.sin(2 * math.pi * p["strike_hz"] * seconds)

    both = since(body.phase, 1.0) + since(body.phase + 0.5, p["strike_far"])
    return both * body.gait[0] * jnp.exp(p["strike_spread"] * body.restless[0, 1])


def _shock(axes: Turn, wave: jax.Array, body: Body, p: Parameters) -> Vector:
    aim, size = p["strike_aim_rad"], p["strike_m_s2"] * wave
    x, y, z = p["jolt_m_s2"] * (STILL + lively(body)) * body.restless[0, 8:11]
    return rotate(axes, Vector(x + size * jnp.sin(aim), y, z + size * jnp.cos(aim)))


def _tilt(angles: jax.Array) -> Turn:
    """Three small turns."""
    return compose(about_x(angles[0]), about_y(angles[1]), about_z(angles[2]))


def _in_pocket(skeleton: Skeleton, body: Body, p: Parameters) -> Worn:
    thigh, azimuth = skeleton.thigh, p["pocket_azimuth_rad"]
    out, down = p["pocket_out_m"], p["pocket_down"] * THIGH * p["height_m"]
    away = Vector(out * jnp.cos(azimuth), out * jnp.sin(azimuth), -down)
    wave = _wave(body, p)
    slack = p["slack_rad"] * (STILL + lively(body)) * body.restless[0, 5:8] + p["slack_strike_rad"] * wave
    back, back_inv, _, front_inv = (jnp.where(p["phone_way"] == way, math.pi, 0.0) for way in range(len(WAYS)))
    way = compose(about_y(back), about_x(back_inv), about_z(front_inv))
    case = compose(thigh.axes, about_z(azimuth), _tilt(p["pocket_tilt_rad"] + slack), _UPRIGHT, way)
    return Worn(Frame(add(thigh.place, rotate(thigh.axes, away)), case), _shock(thigh.axes, wave, body, p))


def _on_wrist(skeleton: Skeleton, body: Body, p: Parameters) -> Worn:
    arm, wave = skeleton.forearm, _wave(body, p)
    away = Vector(jnp.zeros_like(wave), p["watch_out_m"], -FOREARM * p["height_m"])
    case = compose(
        arm.axes, _tilt(p["strap_rad"] + p["tremor_rad"] * (STILL + lively(body)) * body.restless[0, 5:8]), _WATCH
    )
    return Worn(Frame(add(arm.place, rotate(arm.axes, away)), case), _shock(arm.axes, wave, body, p))


PHONE = Place(
    "phone",
    (
        *_strike(2.5, 18.0, 1.6),
        (
            Parameter("phone_way", "1", 0.0, 3.0, f"how it is put in: {', '.join(WAYS)}"),
            Choice((0.0, 1.0, 2.0, 3.0), (1.0, 1.0, 1.0, 1.0)),
        ),
        (
            Parameter("pocket_azimuth_rad", "rad", -3.2, 3.2, "about the thigh, from the front to the outside"),
            Normal(0.55, 0.4, -0.6, 1.6),
        ),
        (
            Parameter("pocket_tilt_rad", "rad", -1.6, 1.6, "of the phone in the pocket, about each axis", 3),
            Normal(0.0, 0.15, -0.6, 0.6),
        ),
        (Parameter("pocket_down", "1", 0.0, 1.0, "along the thigh, from hip to knee"), Uniform(0.2, 0.6)),
        (Parameter("pocket_out_m", "m", 0.0, 0.2, "from the thigh's middle"), Uniform(0.06, 0.11)),
        (Parameter("slack_rad", "rad", 0.0, 0.5, "looseness in the pocket while walking"), LogUniform(0.007, 0.035)),
        (
            Parameter("slack_strike_rad", "rad", -0.5, 0.5, "swing by a heel strike, about each axis", 3),
            Normal(0.0, 0.04, -0.15, 0.15),
        ),
    ),
    _in_pocket,
)
WATCH = Place(
    "watch",
    (
        *_strike(0.5, 5.0, 0.8),
        (
            Parameter("strap_rad", "rad", -1.6, 1.6, "of the watch on the wrist, about each axis", 3),
            Normal(0.0, 0.12, -0.5, 0.5),
        ),
        (Parameter("watch_out_m", "m", 0.0, 0.1, "from the forearm's middle"), Uniform(0.02, 0.04)),
        (Parameter("tremor_rad", "rad", 0.0, 0.2, "trembling of the hand"), LogUniform(0.004, 0.02)),
    ),
    _on_wrist,
)
