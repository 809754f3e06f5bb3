"""An inertial measurement unit: three accelerometers and three gyroscopes in one case.

An accelerometer feels specific force, not acceleration: at rest it reads the ground's push against gravity. With R
the body's orientation, M the case's in the body, a the acceleration in the world, g = 9.80665 m/s2 and w the body's
rotation,

    f = S_a M^T R^T (a + g z) + b_a(t) + n_a,      r = S_g M^T w + b_g(t) + n_g,

S = scales on the diagonal, misalignments off it; n white noise of density N: deviation N sqrt(rate) a sample, so that
the Allan deviation is N at 1 s (the two-sided density of IEEE 952; the one-sided one of a data sheet is sqrt 2 of it).
The bias b(t) = turn-on value + drift per kelvin × (T(t) − 25 Cel) + wander + walk, where T(t) warms up exponentially,
the wander is Gauss-Markov (bias instability: its Allan deviation peaks at 0.618 of its deviation after 1.89 of its
correlation time) and the walk is integrated white noise (rate random walk, Allan deviation K sqrt(tau / 3)). Last come
range and resolution.

Reference: IEEE Std 952-1997 annex C; IEEE Std 1293-2018; Woodman, An introduction to inertial navigation, 2007,
UCAM-CL-TR-696.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from sim.priors import Choice, Distribution, LogUniform, Normal, Parameter, Parameters, Quantiles, Uniform
from sim.sensor import Key, Sensor
from sim.sensors.motion import Motion, tumbling
from sim.sensors.naming import Row, own, prefixed
from sim.sensors.rounding import quantise
from slipway.spec import Channel

GRAVITY_M_S2 = 9.80665
CALIBRATED_CEL = 25.0
KNOT_S = 0.5  # wander and walk are drawn this often and are straight lines in between
AXES = ("acc_x", "acc_y", "acc_z", "gyr_x", "gyr_y", "gyr_z")


def _kind(kind: str, unit: str, walk_unit: str, what: str, *typical: Distribution) -> tuple[Row, ...]:
    """Parameters that accelerometers and gyroscopes have alike; ``typical`` in the order of the rows."""
    flat, walk = unit.replace("/", "_"), walk_unit.replace("/", "_")
    rows = (
        Parameter(f"{kind}_scale", "1", 0.2, 5.0, f"{what} read over true, each axis", 3),
        Parameter(f"{kind}_misalignment", "1", -0.5, 0.5, f"{what} of one axis in another: xy xz yx yz zx zy", 6),
        Parameter(f"{kind}_bias_{flat}", unit, -50.0, 50.0, f"{what} read when there is none, each axis", 3),
        Parameter(f"{kind}_drift_{flat}_k", f"{unit}/K", -1.0, 1.0, f"{what}: bias gained by a kelvin, each axis", 3),
        Parameter(f"{kind}_noise_{flat}_rthz", f"{unit}/Hz^0.5", 0.0, 10.0, f"{what}: N, density of white noise"),
        Parameter(f"{kind}_wander_{flat}", unit, 0.0, 10.0, f"{what}: deviation of the bias's wander"),
        Parameter(f"{kind}_walk_{walk}_rthz", f"{walk_unit}/Hz^0.5", 0.0, 10.0, f"{what}: K of the bias's walk"),
        Parameter(f"{kind}_range_{flat}", unit, 0.1, 5000.0, f"{what}: largest reading"),
        Parameter(f"{kind}_resolution_{flat}", unit, 1e-7, 10.0, f"{what}: step of a reading"),
    )
    return tuple(zip(rows, typical, strict=True))


_SMALL = Normal(0.0, 0.03, -0.1, 0.1)
_G, _DEGREE = GRAVITY_M_S2, math.pi / 180

# Phones and watches of 2012 to 2024 as their data sheets give them: MPU-6050, BMI160, LSM6DSO, ICM-20948.
ROWS: tuple[Row, ...] = (
    (Parameter("yaw_rad", "rad", -math.pi, math.pi, "mounting: turn about the body's z, done last"), _SMALL),
    (Parameter("pitch_rad", "rad", -math.pi / 2, math.pi / 2, "mounting: turn about y, done second"), _SMALL),
    (Parameter("roll_rad", "rad", -math.pi, math.pi, "mounting: turn about x, done first"), _SMALL),
    *_kind(
        "acc", "m/s2", "m/s3", "specific force",
        Normal(1.0, 0.01, 0.95, 1.05), Normal(0.0, 0.007, -0.03, 0.03), Normal(0.0, 0.2, -1.0, 1.0),
        Normal(0.0, 0.003, -0.015, 0.015), LogUniform(7e-4, 4e-3), LogUniform(2e-4, 1e-3), LogUniform(1e-5, 3e-4),
        Choice((2 * _G, 4 * _G, 8 * _G, 16 * _G), (0.1, 0.3, 0.4, 0.2)), LogUniform(6e-4, 4e-2),
    ),
    *_kind(
        "gyr", "rad/s", "rad/s2", "rotation",
        Normal(1.0, 0.01, 0.95, 1.05), Normal(0.0, 0.007, -0.03, 0.03), Normal(0.0, 0.02, -0.1, 0.1),
        Normal(0.0, 3e-4, -1.5e-3, 1.5e-3), LogUniform(6e-5, 2e-4), LogUniform(2e-5, 1e-4), LogUniform(1e-6, 2e-5),
        Choice((500 * _DEGREE, 1000 * _DEGREE, 2000 * _DEGREE), (0.2, 0.3, 0.5)), LogUniform(1.3e-4, 1.1e-3),
    ),
    (Parameter("wander_s", "s", 1.0, 1e5, "correlation time of the bias's wander"), LogUniform(30.0, 300.0)),
    (Parameter("start_cel", "Cel", -60.0, 120.0, "temperature of the case at the first sample"), Uniform(10.0, 40.0)),
    (Parameter("warming_k", "K", -60.0, 60.0, "how much warmer it gets"), Uniform(0.0, 8.0)),
    (Parameter("warming_s", "s", 0.1, 1e5, "time constant of warming"), LogUniform(60.0, 600.0)),
)  # fmt: skip
_DIFFERENTIABLE = ("yaw_rad", "pitch_rad", "roll_rad", "acc_scale", "acc_misalignment", "acc_bias_m_s2",
                   "gyr_scale", "gyr_misalignment", "gyr_bias_rad_s")  # fmt: skip


def imu(*, rate_hz: float, name: str = "imu", channel_prefix: str = "") -> Sensor:
    """An IMU whose truth is a ``Motion`` sampled at ``rate_hz``.

    Args:
        rate_hz: samples a second.
        name: prefix of its parameters.
        channel_prefix: in front of acc_x acc_y acc_z [m/s2] gyr_x gyr_y gyr_z [rad/s], where a world has several.
    """
    parameters, distributions = prefixed(name, ROWS)

    def measure(truth: Motion, values: Parameters, key: Key) -> jax.Array:
        return _measure(truth, own(name, ROWS, values), key, rate_hz)

    return Sensor(
        name=name,
        channels=tuple(Channel(channel_prefix + a, "m/s2" if a.startswith("acc") else "rad/s") for a in AXES),
        rate_hz=rate_hz,
        parameters=parameters,
        distributions=distributions,
        measure=measure,
        example=lambda key, sample_count: tumbling(key, sample_count, rate_hz),
        reference="IEEE Std 952-1997 annex C; IEEE Std 1293-2018; Woodman 2007, UCAM-CL-TR-696",
        differentiable=tuple(f"{name}_{bare}" for bare in _DIFFERENTIABLE),
    )


def any_mounting(name: str = "imu") -> dict[str, Distribution]:
    """Distributions under which every mounting is equally likely (Haar: the sine of the pitch is uniform)."""
    pitches = tuple(math.asin(min(1.0, share / 32 - 1.0)) for share in range(65))
    return {
        f"{name}_yaw_rad": Uniform(-math.pi, math.pi),
        f"{name}_pitch_rad": Quantiles(pitches),
        f"{name}_roll_rad": Uniform(-math.pi, math.pi),
    }


def _measure(truth: Motion, p: Parameters, key: Key, rate_hz: float) -> jax.Array:
    """(time, 6) float32. Inside, time is the last axis: it is the long one, and processors like it so."""
    whites, slows = jax.random.split(key)
    felt = _ideal(truth, p)
    count = felt.shape[1]
    bias = _both(p, "bias_m_s2", "bias_rad_s") + _both(p, "drift_m_s2_k", "drift_rad_s_k") * _warmth_k(
        count, p, rate_hz
    )
    noise = _both(p, "noise_m_s2_rthz", "noise_rad_s_rthz") * math.sqrt(rate_hz) * _white(whites, count)
    read = felt + bias + _unrest(slows, count, p, rate_hz) + noise
    limit = _both(p, "range_m_s2", "range_rad_s")
    return quantise(jnp.clip(read, -limit, limit), _both(p, "resolution_m_s2", "resolution_rad_s")).T


def _both(p: Parameters, accelerometer: str, gyroscope: str) -> jax.Array:
    """A parameter of both kinds as a column (6, 1)."""
    pair = (p["acc_" + accelerometer], p["gyr_" + gyroscope])
    return jnp.concatenate([jnp.broadcast_to(value, (3,)) for value in pair])[:, None]


def _ideal(truth: Motion, p: Parameters) -> jax.Array:
    """What sensors without bias and noise would read: (6, time)."""
    upward = truth.acceleration_m_s2.T + jnp.array([[0.0], [0.0], [GRAVITY_M_S2]])
    force = _into_body(truth.orientation.T, upward)
    into_case = _mounting(p).T
    return jnp.concatenate([
        _times(_gains(p, "acc") @ into_case, force),
        _times(_gains(p, "gyr") @ into_case, truth.rotation_rad_s.T),
    ])  # fmt: skip


def _into_body(q: jax.Array, v: jax.Array) -> jax.Array:
    """R(q)^T v for unit quaternions (4, time) and vectors (3, time)."""
    twice = 2 * _cross(q[1:], v)
    return v - q[:1] * twice + _cross(q[1:], twice)


def _cross(a: jax.Array, b: jax.Array) -> jax.Array:
    (ax, ay, az), (bx, by, bz) = a, b
    return jnp.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])


def _times(matrix: jax.Array, v: jax.Array) -> jax.Array:
    """matrix (3, 3) @ v (3, time), as sums that fuse with what is around them."""
    return sum((matrix[:, k, None] * v[None, k] for k in (1, 2)), start=matrix[:, 0, None] * v[None, 0])


def _mounting(p: Parameters) -> jax.Array:
    """Orientation of the case in the body: Rz(yaw) Ry(pitch) Rx(roll), (3, 3)."""
    (sa, sb, sc), (ca, cb, cc) = (
        [turn(p[angle]) for angle in ("yaw_rad", "pitch_rad", "roll_rad")] for turn in (jnp.sin, jnp.cos)
    )
    return jnp.stack([
        ca * cb, ca * sb * sc - sa * cc, ca * sb * cc + sa * sc,
        sa * cb, sa * sb * sc + ca * cc, sa * sb * cc - ca * sc,
        -sb, cb * sc, cb * cc,
    ]).reshape(3, 3)  # fmt: skip


def _gains(p: Parameters, kind: str) -> jax.Array:
    """Scales on the diagonal, misalignments off it: (3, 3)."""
    (x, y, z), (xy, xz, yx, yz, zx, zy) = p[f"{kind}_scale"], p[f"{kind}_misalignment"]
    return jnp.stack([x, xy, xz, yx, y, yz, zx, zy, z]).reshape(3, 3)


def _white(key: Key, count: int) -> jax.Array:
    """Standard normal numbers (6, time)."""
    # A loop keeps them out of the transposition at the end: fused into it, XLA's code for the CPU is not vectorised and
    # the whole takes three times as long.
    halves = jax.lax.map(lambda one: jax.random.normal(one, (3, count)), jax.random.split(key))
    return jnp.reshape(halves, (6, count))


def _warmth_k(count: int, p: Parameters, rate_hz: float) -> jax.Array:
    """How much warmer than at calibration, (1, time)."""
    seconds = jnp.arange(count, dtype=jnp.float32)[None] / rate_hz
    return p["start_cel"] - CALIBRATED_CEL - p["warming_k"] * jnp.expm1(-seconds / p["warming_s"])


def _unrest(key: Key, count: int, p: Parameters, rate_hz: float) -> jax.Array:
    """Wander, in its stationary state from the start, and walk, from zero: (6, time)."""
    stride = max(1, round(KNOT_S * rate_hz))
    dt = stride / rate_hz
    wander, walk = _both(p, "wander_m_s2", "wander_rad_s"), _both(p, "walk_m_s3_rthz", "walk_rad_s2_rthz")
    kept = jnp.exp(-dt / p["wander_s"])
    pushes = jnp.concatenate([wander * jnp.sqrt(-jnp.expm1(-2 * dt / p["wander_s"])), walk * math.sqrt(dt)], axis=1)
    chance = jax.random.normal(key, (2 + (count - 1) // stride, 6, 2))
    keeps = jnp.stack([kept, jnp.ones_like(kept)])[None]

    def onward(state: jax.Array, push: jax.Array) -> tuple[jax.Array, jax.Array]:
        return keeps * state + pushes * push, jnp.sum(state, axis=1)

    start = jnp.concatenate([wander, jnp.zeros_like(walk)], axis=1) * chance[0]
    _, knots = jax.lax.scan(onward, start, jnp.concatenate([chance[1:], chance[:1]]))
    return _between(knots.T, stride, count)


def _between(knots: jax.Array, stride: int, count: int) -> jax.Array:
    """Straight lines through knots (rows, knots), ``stride`` samples apart: (rows, count)."""
    sample = np.arange(count)
    left, share = sample // stride, (sample % stride / stride).astype(np.float32)[None]
    return knots[:, left] * (1 - share) + knots[:, left + 1] * share
