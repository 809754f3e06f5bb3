"""Where the limbs of a body are: a chain of rigid segments whose joint angles are functions of what it is doing.

Axes of a segment, standing: x forward, y left, z up along it. A joint's flexion moves its far end forward.

Sitting: the feet stay, shank σ and thigh θ swing the pelvis up and forward by minimum jerk, the thigh after the trunk
has leaned (flexion-momentum strategy); the arms go from the lap to hang. Walking, with stride phase φ (left heel at 0):

    thigh    θ = lean + A cos(2π(φ - 0.92)) + B cos(4π(φ - φ_B))
    pelvis   up -b cos(4π(φ - φ_b)), left s sin(2πφ), forward f sin(4πφ), turned by w cos(2πφ)
    arm      θ = A_a cos(2π(φ - 0.5 - φ_a)), the elbow after it.

Segment lengths are shares of the height (Drillis & Contini, in Winter fig. 4.1).

Reference: Winter, Biomechanics and Motor Control of Human Movement, 4th ed. 2009, ch. 4 and tables A.3; Schenkman et
al., Whole-body movements during rising to standing from sitting, Physical Therapy 70(10), 1990; Flash & Hogan, The
coordination of arm movements, J. Neuroscience 5(7), 1985 (minimum jerk); Zijlstra & Hof, Displacement of the pelvis
during human walking, Gait & Posture 6(3), 1997; Meyns, Bruijn & Duysens, The how and why of arm swing, 2013.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from sim.body.activity import Body
from sim.body.rotation import Turn, Vector, about_x, about_y, about_z, add, compose, rotate
from sim.priors import Distribution, Normal, Parameter, Parameters, Uniform

SHANK, THIGH, TRUNK, UPPER_ARM, FOREARM = 0.246, 0.245, 0.288, 0.186, 0.146
ANKLE, HALF_HIPS, HALF_SHOULDERS = 0.039, 0.0955, 0.129
_TURN = 2 * math.pi
Row = tuple[Parameter, Distribution]


def _angle(name: str, doc: str, mean: float, deviation: float, low: float, high: float, size: int = 1) -> Row:
    """A row of an angle."""
    return Parameter(f"{name}_rad", "rad", -math.pi, math.pi, doc, size), Normal(mean, deviation, low, high)


def _length(name: str, doc: str, low: float, high: float) -> Row:
    """A row of a small length."""
    return Parameter(f"{name}_m", "m", -0.5, 0.5, doc), Uniform(low, high)


ROWS: tuple[Row, ...] = (
    (Parameter("height_m", "m", 1.0, 2.3, "of the body"), Normal(1.72, 0.09, 1.48, 2.02)),
    _angle("seat_thigh", "thigh on the seat: 1.57 is level", 1.35, 0.15, 1.0, 1.7),
    _angle("seat_shank", "shank on the seat, knee before the ankle", -0.05, 0.15, -0.4, 0.4),
    _angle("seat_knee", "how far the knee comes forward in between", 0.2, 0.1, 0.0, 0.5),
    _angle("seat_trunk", "trunk on the seat, forward", 0.1, 0.15, -0.3, 0.6),
    _angle("rise_trunk", "trunk's lean on the way up and down", 0.45, 0.18, 0.1, 1.1),
    (Parameter("seat_off", "1", 0.0, 0.6, "share of standing up before the thigh leaves the seat"), Uniform(0.1, 0.45)),
    _angle("thigh_abduction", "thigh outwards", 0.05, 0.08, -0.2, 0.3),
    _angle("thigh_lean", "thigh's mean flexion in a stride", 0.1, 0.08, -0.15, 0.35),
    _angle("thigh_swing", "A: half the thigh's swing in a stride", 0.36, 0.07, 0.15, 0.6),
    _angle("thigh_second", "B: second harmonic of it", 0.07, 0.04, 0.0, 0.2),
    (Parameter("thigh_second_phase", "1", 0.0, 1.0, "φ_B, of a stride"), Uniform(0.2, 0.5)),
    _angle("thigh_roll", "thigh's roll about itself in a stride, amplitude and phase", 0.15, 0.12, -0.3, 0.5, 2),
    _angle("turn_step", "thigh's lead and lag of the heading in a turning stride", 0.2, 0.15, -0.2, 0.6),
    _length("bounce", "b: pelvis up and down", 0.01, 0.035),
    (Parameter("bounce_phase", "1", -0.5, 0.5, "φ_b, of a stride"), Normal(0.03, 0.03, -0.1, 0.15)),
    _length("sway", "s: pelvis to the sides", 0.008, 0.035),
    _length("surge", "f: pelvis fore and aft", 0.002, 0.015),
    _angle("pelvis_turn", "w: pelvis about the vertical", 0.08, 0.04, 0.0, 0.2),
    _angle("arm_hang", "upper arm, hanging", 0.0, 0.12, -0.3, 0.4),
    _angle("arm_out", "upper arm outwards", 0.08, 0.07, -0.1, 0.4),
    _angle("arm_sway", "half the arm's swing outwards in a stride", 0.08, 0.06, -0.1, 0.3),
    _angle("arm_swing", "A_a: half the arm's swing in a stride", 0.27, 0.13, 0.02, 0.7),
    (Parameter("arm_phase", "1", -0.5, 0.5, "φ_a, of a stride"), Normal(0.0, 0.06, -0.2, 0.2)),
    _angle("elbow_hang", "elbow, hanging", 0.34, 0.12, 0.05, 0.8),
    _angle("elbow_swing", "half the elbow's swing in a stride", 0.12, 0.1, -0.05, 0.4),
    _angle("palm_hang", "forearm's pronation, hanging: 0 is thumb forward", 0.05, 0.25, -0.5, 0.9),
    _angle("palm_swing", "half the pronation's swing in a stride", 0.2, 0.15, -0.2, 0.5),
    _angle("lap_arm", "upper arm, hand in the lap", 0.35, 0.25, -0.2, 1.0),
    _angle("lap_forearm", "forearm in the lap: 1.57 is level", 1.36, 0.15, 1.0, 1.9),
    _angle("lap_palm", "pronation in the lap: 1.57 is palm down", 1.2, 0.35, 0.2, 2.0),
    (Parameter("arm_delay", "1", 0.0, 0.6, "share of standing up before the arms follow"), Uniform(0.0, 0.3)),
    (Parameter("arm_share", "1", 0.2, 1.0, "share of standing up that the arms take"), Uniform(0.5, 0.9)),
    _angle("reach", "arms forward on the way up and down", 0.15, 0.2, -0.3, 0.8),
    _angle("hand_restless", "forearm's restlessness about each axis", 0.03, 0.015, 0.005, 0.08),
    (Parameter("hand_busy", "1", 0.0, 20.0, "how much more of it on the way up and down"), Uniform(1.0, 4.0)),
    _angle("thigh_restless", "thigh's restlessness", 0.012, 0.006, 0.002, 0.04),
)


class Frame(NamedTuple):
    """A place and its axes."""

    place: Vector  # m in world axes
    axes: Turn


class Skeleton(NamedTuple):
    """The segments, each at its near joint."""

    pelvis: Frame
    trunk: Frame
    thigh: Frame  # left, at the hip
    shank: Frame  # left, at the knee
    upper_arm: Frame  # left, at the shoulder
    forearm: Frame  # left, at the elbow


def minimum_jerk(share: jax.Array) -> jax.Array:
    """0 to 1 with speed and acceleration zero at both ends, for a share of the time."""
    x = jnp.clip(share, 0.0, 1.0)
    return x * x * x * (10 - 15 * x + 6 * x * x)


def skeleton(body: Body, p: Parameters) -> Skeleton:
    """The limbs of one body at one instant: joint angles, then forward kinematics."""
    height, (shoulder_bend, elbow_bend, forearm_turn) = p["height_m"], _arm(body, p)
    heading = about_z(body.yaw[0])
    pelvis = Frame(_pelvis(body, p, heading), heading)
    trunk = Frame(pelvis.place, compose(heading, about_y(_trunk(body, p))))
    thigh = Frame(_from(pelvis, left=HALF_HIPS * height), compose(heading, _thigh(body, p)))
    shank = Frame(_from(thigh, up=-THIGH * height), compose(heading, about_y(_shank(body, p))))
    shoulder = _from(trunk, left=HALF_SHOULDERS * height, up=TRUNK * height)
    upper_arm = Frame(
        shoulder,
        compose(heading, about_x(p["arm_out_rad"] + p["arm_sway_rad"] * _wave(body, 1, 0.6)), about_y(-shoulder_bend)),
    )
    elbow = _from(upper_arm, up=-UPPER_ARM * height)
    forearm = Frame(elbow, compose(upper_arm.axes, about_y(-elbow_bend), forearm_turn))
    return Skeleton(pelvis, trunk, thigh, shank, upper_arm, forearm)


def _from(frame: Frame, *, left: jax.Array | None = None, up: jax.Array | None = None) -> Vector:
    """The place so far from a segment's near joint."""
    zero = jnp.zeros_like(frame.place.x)
    away = Vector(zero, zero if left is None else left, zero if up is None else up)
    return add(frame.place, rotate(frame.axes, away))


def _wave(body: Body, harmonic: int, phase: jax.Array | float = 0.0) -> jax.Array:
    """cos of a harmonic of the stride, as large as the gait is."""
    return body.gait[0] * jnp.cos(_TURN * harmonic * (body.phase - phase))


def _risen(body: Body, p: Parameters) -> jax.Array:
    """0 with the thighs on the seat, 1 with straight hips."""
    return minimum_jerk((body.progress - p["seat_off"]) / (1 - p["seat_off"]))


def lively(body: Body) -> jax.Array:
    """How much a body moves: 0 at rest, about 1 walking, standing up or sitting down."""
    return jnp.clip(body.gait[0], 0.0, 1.0) + between(body)


def between(body: Body) -> jax.Array:
    """A smooth bump on the way up and down: 0, 1 half-way, 0."""
    return (4 * body.progress * (1 - body.progress)) ** 3


def _seat_shank(body: Body, p: Parameters) -> jax.Array:
    return p["seat_shank_rad"] * (1 - _risen(body, p)) + p["seat_knee_rad"] * between(body)


def _pelvis(body: Body, p: Parameters, heading: Turn) -> Vector:
    """Its place: over the feet, as shank and thigh bear it, and the gait's own path."""
    height, bend, lean = p["height_m"], p["seat_thigh_rad"] * (1 - _risen(body, p)), _seat_shank(body, p)
    forward = height * (SHANK * jnp.sin(lean) - THIGH * jnp.sin(bend))
    up = height * (ANKLE + SHANK * jnp.cos(lean) + THIGH * jnp.cos(bend))
    gait = Vector(
        forward + p["surge_m"] * _wave(body, 2, 0.125),
        p["sway_m"] * _wave(body, 1, 0.25),
        up - p["bounce_m"] * _wave(body, 2, p["bounce_phase"]),
    )
    return add(Vector(body.place[0], body.place[1], jnp.zeros_like(up)), rotate(heading, gait))


def _trunk(body: Body, p: Parameters) -> jax.Array:
    return p["seat_trunk_rad"] * (1 - minimum_jerk(body.progress)) + p["rise_trunk_rad"] * between(body)


def _thigh(body: Body, p: Parameters) -> Turn:
    """From the heading's axes."""
    roll, phase = p["thigh_roll_rad"]
    yaw = p["pelvis_turn_rad"] * _wave(body, 1) + roll * _wave(body, 1, 2 * phase)
    yaw = yaw + p["turn_step_rad"] * jnp.tanh(body.yaw[1] / 2) * _wave(body, 1, 0.25)
    swing = p["thigh_swing_rad"] * _wave(body, 1, 0.92)
    swing = swing + p["thigh_second_rad"] * _wave(body, 2, p["thigh_second_phase"])
    bend = p["seat_thigh_rad"] * (1 - _risen(body, p)) + p["thigh_lean_rad"] * jnp.clip(body.gait[0], 0.0, 1.0) + swing
    stir = p["restless_gain"] * p["thigh_restless_rad"] * body.restless[0, 2:5]
    return compose(about_z(yaw + stir[2]), about_x(p["thigh_abduction_rad"] + stir[0]), about_y(stir[1] - bend))


def _shank(body: Body, p: Parameters) -> jax.Array:
    """Lean of the shank, knee before the ankle; in a stride it trails the thigh."""
    return _seat_shank(body, p) + 0.25 * body.gait[0] + 0.5 * _wave(body, 1, 0.62)


def _arm(body: Body, p: Parameters) -> tuple[jax.Array, jax.Array, Turn]:
    """Flexion of shoulder and elbow, and the forearm's own turn: pronation and what the hand does besides."""
    hung = minimum_jerk((body.progress - p["arm_delay"]) / p["arm_share"])
    lap = 1 - hung
    shoulder = p["lap_arm_rad"] * lap + p["arm_hang_rad"] * hung + p["reach_rad"] * between(body)
    elbow = (p["lap_forearm_rad"] - p["lap_arm_rad"]) * lap + p["elbow_hang_rad"] * hung
    palm = p["lap_palm_rad"] * lap + p["palm_hang_rad"] * hung
    forth = 0.5 + p["arm_phase"]
    shoulder = shoulder + p["arm_swing_rad"] * _wave(body, 1, forth)
    elbow = elbow + p["elbow_swing_rad"] * _wave(body, 1, forth + 0.05)
    palm = palm + p["palm_swing_rad"] * _wave(body, 1, forth + 0.1)
    busy = p["restless_gain"] * p["hand_restless_rad"] * (1 + p["hand_busy"] * between(body) + body.gait[0])
    stir = busy * body.restless[0, 2:5]
    return shoulder + stir[0], elbow + stir[1], about_z(-palm - 2 * stir[2])
