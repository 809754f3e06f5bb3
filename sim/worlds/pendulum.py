"""Two-link pendulum, driven at both joints: from a window of angles and velocities, which torques did the motors give?

The equations of the arm stand in ``sim.worlds.pendulum_arm``, what drives it in ``sim.worlds.pendulum_drive``. Angles
are as the encoders count them, unwrapped, zero hanging down, the second relative to the first.

The answer is the torque over the window, its samples weighed by φ ∝ (1 - u²)² with u from -1 to 1. That is the weight
under which least squares read an acceleration: the quadratic term of a polynomial through the window's angles is the
mean of the true acceleration under φ. Asked for the torque of one sample, any reader of a window has to guess at what
happened faster than the window is long; asked for the torque under φ, the window holds the answer. (Of 16 samples at
200 Hz it is 40 ms late.)

``explain`` answers by inverse dynamics along a cubic through the window's angles by least squares, averaged under φ.
The velocities are left alone: the driver derives them from the same encoder, so they add nothing, and they jump and
wrap where the angles do not.

Reference: Savitzky & Golay, Smoothing and Differentiation of Data by Simplified Least Squares Procedures, Analytical
Chemistry 36(8), 1964; Shinbrot, On the Analysis of Linear and Nonlinear Systems, Transactions of the ASME 79, 1957, for
asking both sides of an equation under the same weight; Wiebe et al., IEEE Robotics and Automation Magazine 31(2), 2024.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from sim.priors import Distribution, LogUniform, Normal, Parameter, Parameters, Prior, Uniform
from sim.world import Flight, Key, Made, World, compiled
from sim.worlds import pendulum_arm, pendulum_drive
from slipway.spec import Channel, SensorSpec, TaskSpec

RATE_HZ = 200.0
WINDOW_LENGTH = 16
SUBSTEPS = 2  # Runge-Kutta steps a sample
WINDOWS_A_FLIGHT = 12
HOP = 8  # samples from one window of a flight to the next
MARGIN = 4  # samples before and after, for the delay
SLACK_S = 0.015  # how long the slack of belt and gear keeps its side
ENCODER_STEP_RAD = 2 * math.pi / 2**14
CHANNELS = (
    Channel("angle_1", "rad"),
    Channel("angle_2", "rad"),
    Channel("velocity_1", "rad/s"),
    Channel("velocity_2", "rad/s"),
)
OUTPUTS = (Channel("torque_1", "N.m"), Channel("torque_2", "N.m"))

READING_PARAMETERS = (
    Parameter("delay_s", "s", -0.015, 0.015, "how long the encoders' readings are behind the torques'"),
    Parameter("torque_gain_1", "1", 0.5, 2.0, "shoulder torque read over torque given"),
    Parameter("torque_gain_2", "1", 0.5, 2.0, "elbow torque read over torque given"),
    Parameter("torque_bias_1_n_m", "N.m", -1.0, 1.0, "offset of the shoulder torque's reading"),
    Parameter("torque_bias_2_n_m", "N.m", -1.0, 1.0, "offset of the elbow torque's reading"),
    Parameter("torque_noise_n_m", "N.m", 0.0, 1.0, "deviation of a torque's reading"),
    Parameter("slack_rad", "rad", 0.0, 0.05, "deviation of the encoder from the link, by slack in belt and gear"),
    Parameter("velocity_noise_rad_s", "rad/s", 0.0, 2.0, "deviation of a velocity's reading"),
)
READING_DISTRIBUTIONS: dict[str, Distribution] = {
    "delay_s": Uniform(-0.005, 0.01),
    "torque_gain_1": Normal(1.0, 0.03, 0.85, 1.15),
    "torque_gain_2": Normal(1.0, 0.03, 0.85, 1.15),
    "torque_bias_1_n_m": Normal(0.0, 0.01, -0.05, 0.05),
    "torque_bias_2_n_m": Normal(0.0, 0.01, -0.05, 0.05),
    "torque_noise_n_m": LogUniform(0.01, 0.1),
    "slack_rad": LogUniform(0.0001, 0.001),
    "velocity_noise_rad_s": LogUniform(0.02, 0.3),
}

PARAMETERS = (*pendulum_arm.PARAMETERS, *READING_PARAMETERS, *pendulum_drive.PARAMETERS)
DISTRIBUTIONS = {**pendulum_arm.DISTRIBUTIONS, **READING_DISTRIBUTIONS, **pendulum_drive.DISTRIBUTIONS}
PRIOR = Prior(PARAMETERS, tuple(DISTRIBUTIONS[parameter.name] for parameter in PARAMETERS))


def task(window_length: int = WINDOW_LENGTH) -> TaskSpec:
    """Torques from angles and velocities."""
    return TaskSpec("pendulum", SensorSpec(CHANNELS, RATE_HZ, window_length), outputs=OUTPUTS)


def pendulum(window_length: int = WINDOW_LENGTH, *, flight_count: int = 512) -> World:
    """The world for windows of another length: 61 samples suit identification, 16 are the task.

    Args:
        window_length: samples a window, 16 or more.
        flight_count: flights a batch.
    """
    return World(
        "pendulum", task(window_length), PRIOR, compiled(flight(window_length)), flight_count, explain=jax.jit(explain)
    )


def weights(length: int) -> npt.NDArray[np.float32]:
    """φ of a window's samples (length,): they sum to one."""
    u = (2 * np.arange(length) - length + 1) / length
    bell = np.square(1 - u * u)
    return (bell / bell.sum()).astype(np.float32)


def flight(window_length: int) -> Flight:
    """(key, parameters) → windows (count, time, 4) of one flight and the torques (count, 2) under ``weights``."""
    first = MARGIN + np.arange(WINDOWS_A_FLIGHT) * HOP
    samples = first[:, None] + np.arange(window_length)

    def fly(key: Key, p: Parameters) -> Made:
        driving, reading = jax.random.split(key)
        states, torques = motion(driving, p, int(samples.max()) + 1 + MARGIN)
        angles, torques = read(states, torques, p, reading)
        places = samples.astype(np.float32) + RATE_HZ * p["delay_s"]
        ticks = jnp.asarray((np.arange(len(torques)) + 0.5) / SUBSTEPS, jnp.float32)
        there = jax.vmap(lambda column: jnp.interp(places, ticks, column), in_axes=1, out_axes=2)(torques)
        return angles[samples], jnp.einsum("t,wtj->wj", weights(window_length), there)

    return fly


def motion(key: Key, p: Parameters, sample_count: int) -> tuple[jax.Array, jax.Array]:
    """What truly happens: states (samples, 4), torques (samples * SUBSTEPS, 2), each held for a substep."""
    start, drive = pendulum_drive.draw(key, p)
    seconds = 1 / RATE_HZ / SUBSTEPS

    def step(state: jax.Array, number: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        torque = pendulum_drive.torque(drive, state, seconds * number.astype(jnp.float32), p)
        return pendulum_arm.advance(state, torque, p, seconds), (state, torque)

    _, (states, torques) = jax.lax.scan(step, start, jnp.arange(sample_count * SUBSTEPS))
    return states[::SUBSTEPS], torques


def read(states: jax.Array, torques: jax.Array, p: Parameters, key: Key) -> tuple[jax.Array, jax.Array]:
    """What encoders (samples, 4) and current sensors (substeps, 2) say of it."""
    slackening, soiling, humming = jax.random.split(key, 3)
    slack = p["slack_rad"] * _lingering(slackening, len(states) + 1)
    angle = jnp.round((states[:, :2] + slack[1:]) / ENCODER_STEP_RAD) * ENCODER_STEP_RAD
    noise = p["velocity_noise_rad_s"] * jax.random.normal(soiling, (len(states), 2))
    velocity = states[:, 2:] + RATE_HZ * jnp.diff(slack, axis=0) + noise
    gain = jnp.stack([p["torque_gain_1"], p["torque_gain_2"]])
    bias = jnp.stack([p["torque_bias_1_n_m"], p["torque_bias_2_n_m"]])
    hum = p["torque_noise_n_m"] * jax.random.normal(humming, torques.shape)
    return jnp.concatenate([angle, velocity], axis=1), gain[None] * torques + bias[None] + hum


def _lingering(key: Key, count: int) -> jax.Array:
    """Noise (count, 2) of deviation 1 that forgets in ``SLACK_S``."""
    keep = math.exp(-1 / RATE_HZ / SLACK_S)
    starting, going = jax.random.split(key)
    pushes = math.sqrt(1 - keep * keep) * jax.random.normal(going, (count, 2))

    def step(now: jax.Array, push: jax.Array) -> tuple[jax.Array, jax.Array]:
        return keep * now + push, now

    return jax.lax.scan(step, jax.random.normal(starting, (2,)), pushes)[1]


def explain(p: Parameters, values: jax.Array) -> jax.Array:
    """The torques (windows, 2) that the physics reads from windows (windows, time, 4), differentiable in ``p``.

    ``time`` may be any length from 4 samples on.
    """
    torque = pendulum_arm.motor_torque(*kinematics(values, RATE_HZ * p["delay_s"]), p)
    gain = jnp.stack([p["torque_gain_1"], p["torque_gain_2"]])
    bias = jnp.stack([p["torque_bias_1_n_m"], p["torque_bias_2_n_m"]])
    return gain[None] * jnp.einsum("t,wtj->wj", weights(values.shape[1]), torque) + bias[None]


def kinematics(values: jax.Array, shift: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Angles, velocities, accelerations (windows, time, 2) of windows (windows, time, 4), ``shift`` samples later."""
    count = values.shape[1]
    unit = (count - 1) / 2
    x = ((np.arange(count) - unit) / unit).astype(np.float32)
    solve = jnp.asarray(np.linalg.pinv(np.vander(x, 4, increasing=True)), jnp.float32)
    cubic = jnp.einsum("kt,wtj->kwj", solve, values[..., :2])
    at = jnp.asarray(x) + shift / unit
    one, zero, scale = jnp.ones_like(at), jnp.zeros_like(at), RATE_HZ / unit
    powers = (one, at, at**2, at**3), (zero, one, 2 * at, 3 * at**2), (zero, zero, 2 * one, 6 * at)
    angle, velocity, acceleration = (jnp.einsum("kt,kwj->wtj", jnp.stack(power), cubic) for power in powers)
    return angle, scale * velocity, scale**2 * acceleration


TASK = task()
WORLD = pendulum()
