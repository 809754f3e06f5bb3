"""The contact world: is the foot of a walking quadruped in stable contact, by the IMU on that foot alone?

A flight is one robot of ``sim.legged`` on one ground, 2.5 s long: it stands, starts to trot, and all four feet carry
the same kind of IMU. From the physics it is known when a foot *stands*: the ground's normal force is above a share of
what the foot bears when all four stand, and its lowest point moves slower over the ground than a limit; a foot that
swings, bounces or slides is *unstable*. A robot that fell would teach a lie about walking: its place is taken by
another of the batch. What the logger makes of the foot's motion stands in ``sim.legged.logger``.

Reference: Maravgakis, Argiropoulos, Piperakis & Trahanias, Probabilistic contact state estimation for legged robots
using inertial information, ICRA 2023, doi:10.1109/ICRA48891.2023.10161485.
"""

from functools import partial

import jax
import numpy as np
import numpy.typing as npt

from sim.legged import logger, quadruped
from sim.legged.flight import Feet, walk
from sim.legged.gait import Gait
from sim.priors import Constant, Distribution, LogUniform, Normal, Parameter, Parameters, Prior, Uniform
from sim.sensors.imu import Motion, imu
from sim.world import Key, World
from slipway.spec import SensorSpec, TaskSpec

RATE_HZ = 250.0
WINDOW_LENGTH = 20
STRIDE = 10  # one window every so many samples
SAMPLES = 625  # of a flight
SETTLED = 75  # samples after which the robot, put on the ground, stands quietly
HOP = round(1 / (RATE_HZ * quadruped.STEP_S))  # physics steps a sample
SPREAD_CYCLES = 8
UNSTABLE, STABLE = 0, 1

SENSOR = imu(rate_hz=RATE_HZ)
TASK = TaskSpec("contact", SensorSpec(SENSOR.channels, RATE_HZ, WINDOW_LENGTH), ("unstable", "stable"))

BODY_PARAMETERS = (
    Parameter("friction", "1", 0.0, 3.0, "sliding friction of foot on ground"),
    Parameter("ground_time_s", "s", 0.004, 0.5, "time constant of the contact: small is concrete, large a mattress"),
    Parameter("ground_damping", "1", 0.05, 3.0, "damping ratio of the contact"),
    Parameter("ground_impedance", "1", 0.05, 0.96, "share of the contact's force at first touch"),
    Parameter("ground_depth_m", "m", 1e-4, 0.1, "depth at which the contact is at its hardest"),
    Parameter("mass_factor", "1", 0.3, 3.0, "mass of the trunk over the standard robot's"),
    Parameter("motor_stiffness_nm_rad", "N.m/rad", 10.0, 500.0, "kp of a joint's position controller"),
    Parameter("motor_damping_nms_rad", "N.m.s/rad", 0.1, 20.0, "kd of a joint's position controller"),
    Parameter("balance_nms_rad", "N.m.s/rad", 0.0, 50.0, "torque against the trunk's rotation: a balance controller's"),
    Parameter("joint_damping_nms_rad", "N.m.s/rad", 0.0, 5.0, "viscous friction of a joint"),
)
GAIT_PARAMETERS = (
    Parameter("frequency_hz", "Hz", 0.1, 5.0, "steps of one leg a second"),
    Parameter("duty", "1", 0.3, 0.9, "share of a cycle for which a foot should stand"),
    Parameter("speed_m_s", "m/s", -2.0, 2.0, "commanded speed forward"),
    Parameter("turn_rad_s", "rad/s", -3.0, 3.0, "commanded turn to the left"),
    Parameter("height_m", "m", 0.0, 0.25, "height of a step"),
    Parameter("stance_m", "m", 0.15, 0.38, "height of the trunk"),
    Parameter("forward_m", "m", -0.1, 0.1, "feet before the hips"),
    Parameter("wide_m", "m", -0.1, 0.1, "feet outside the hips"),
    Parameter("lag", "1", -0.5, 0.5, "hind legs behind the front ones, in cycles"),
    Parameter("start_s", "s", -10.0, 10.0, "when it starts to walk, from the flight's start"),
    Parameter("phase", "1", 0.0, 1.0, "place in the cycle at that moment"),
    Parameter("spread", "1", 0.0, 0.5, "deviation of a step's height and length from the one before"),
)
LABEL_PARAMETERS = (
    Parameter("stable_share", "1", 0.01, 2.0, "normal force of a stable contact over a quarter of the weight"),
    Parameter("slip_limit_m_s", "m/s", 0.001, 10.0, "a contact that moves faster slips"),
)
PARAMETERS = (*BODY_PARAMETERS, *GAIT_PARAMETERS, *LABEL_PARAMETERS, *logger.PARAMETERS, *SENSOR.parameters)

DISTRIBUTIONS: dict[str, Distribution] = {
    "friction": LogUniform(0.03, 1.2),
    "ground_time_s": LogUniform(0.008, 0.06),
    "ground_damping": Uniform(0.7, 1.5),
    "ground_impedance": Uniform(0.5, 0.95),
    "ground_depth_m": LogUniform(0.001, 0.02),
    "mass_factor": Uniform(0.8, 1.4),
    "motor_stiffness_nm_rad": Uniform(40.0, 150.0),
    "motor_damping_nms_rad": Uniform(1.0, 4.0),
    "balance_nms_rad": LogUniform(0.3, 15.0),
    "joint_damping_nms_rad": Uniform(0.02, 0.3),
    "frequency_hz": Uniform(1.1, 2.2),
    "duty": Uniform(0.5, 0.75),
    "speed_m_s": Uniform(-0.2, 0.8),
    "turn_rad_s": Normal(0.0, 0.2, -0.6, 0.6),
    "height_m": Uniform(0.05, 0.15),
    "stance_m": Uniform(0.25, 0.31),
    "forward_m": Uniform(-0.03, 0.03),
    "wide_m": Uniform(-0.03, 0.03),
    "lag": Uniform(-0.06, 0.06),
    "start_s": Uniform(-2.0, 2.5),
    "phase": Uniform(0.0, 1.0),
    "spread": Uniform(0.0, 0.15),
    "stable_share": Constant(0.3),
    "slip_limit_m_s": Constant(0.2),
    **logger.DISTRIBUTIONS,
    **SENSOR.distributions,
    "imu_yaw_rad": Normal(-0.85, 0.25, -1.6, 0.0),
    "imu_pitch_rad": Normal(0.0, 0.2, -0.8, 0.8),
    "imu_roll_rad": Normal(0.0, 0.25, -0.9, 0.9),
    # An MPU-6050 at 4 g and 2000 deg/s.
    "imu_acc_range_m_s2": Constant(4 * 9.80665),
    "imu_acc_resolution_m_s2": Constant(9.80665 / 8192),
    "imu_gyr_range_rad_s": Constant(34.9),
    "imu_gyr_resolution_rad_s": Constant(0.001065),
}
PRIOR = Prior(PARAMETERS, tuple(DISTRIBUTIONS[parameter.name] for parameter in PARAMETERS))

Numbers = dict[str, npt.NDArray[np.float64]]


def simulate(key: Key, parameters: Parameters) -> tuple[jax.Array, npt.NDArray[np.int32]]:
    """Walk one robot a draw; its four feet give ``windows_a_foot()`` windows each, in the order of time."""
    walking, reading = jax.random.split(key)
    numbers = {name: np.asarray(values, np.float64) for name, values in parameters.items()}
    feet, stable = truth(walking, numbers)
    read = _read(reading, logger.motion(feet), parameters)
    count = len(stable) * len(quadruped.LEGS)
    return cut(read.reshape(count, SAMPLES, -1)), _last(stable.reshape(count, SAMPLES))


def truth(key: Key, numbers: Numbers) -> tuple[Feet, npt.NDArray[np.bool_]]:
    """The feet of one robot a draw, and when each stood: (flights, legs, SAMPLES)."""
    models = [quadruped.built(one) for one in _rows(numbers, BODY_PARAMETERS)]
    feet, upright = walk(models, gait_of(key, numbers), SAMPLES, HOP)
    weights = np.asarray([quadruped.weight_n(model) for model in models])
    firm = feet.force_n > (numbers["stable_share"] * weights / len(quadruped.LEGS))[:, None, None]
    stable = firm & (feet.slip_m_s < numbers["slip_limit_m_s"][:, None, None])
    who = _stand_ins(upright)
    return Feet(*(one[who] for one in feet)), stable[who]


def gait_of(key: Key, numbers: Numbers) -> Gait:
    """The gait of every draw, each step a little different."""
    count = len(numbers["spread"])
    deviations = jax.random.truncated_normal(key, -2.0, 2.0, (count, len(quadruped.LEGS), SPREAD_CYCLES, 2))
    spread = np.asarray(deviations, np.float64) * numbers["spread"][:, None, None, None]
    return Gait(**{field: numbers[field] for field in Gait._fields if field != "spread"}, spread=spread)


def _rows(numbers: Numbers, parameters: tuple[Parameter, ...]) -> list[dict[str, float]]:
    names = [parameter.name for parameter in parameters]
    return [dict(zip(names, row, strict=True)) for row in zip(*(numbers[name] for name in names), strict=True)]


def _stand_ins(upright: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Whose walk each flight shows: its own, or in turn that of one that did not fall."""
    able = np.flatnonzero(upright)
    who = np.arange(len(upright))
    return who if not len(able) else np.where(upright, who, able[who % len(able)])


@jax.jit
def _read(key: Key, motion: Motion, parameters: Parameters) -> jax.Array:
    """What the loggers of all feet wrote: (flights, legs, time, 6)."""
    shape = motion.rotation_rad_s.shape[:2]
    keys = jax.random.split(key, shape)
    return jax.vmap(jax.vmap(partial(logger.logged, SENSOR), in_axes=(0, 0, None)))(keys, motion, parameters)


def windows_a_foot() -> int:
    """Windows that one foot gives in one flight."""
    return len(_starts())


def _starts() -> npt.NDArray[np.intp]:
    return np.arange(SETTLED, SAMPLES - WINDOW_LENGTH + 1, STRIDE)


@jax.jit
def cut(read: jax.Array) -> jax.Array:
    """Windows (feet * windows, WINDOW_LENGTH, channels) of readings (feet, SAMPLES, channels)."""
    rows = _starts()[:, None] + np.arange(WINDOW_LENGTH)
    return read[:, rows].reshape(-1, WINDOW_LENGTH, read.shape[-1])


def _last(stable: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """The class at each window's last sample."""
    return stable[:, _starts() + WINDOW_LENGTH - 1].reshape(-1).astype(np.int32)


WORLD = World("contact_go1", TASK, PRIOR, simulate, flight_count=16)
