"""A worn device of three axes of acceleration and three of rate, sound or with a known fault."""

import jax.numpy as jnp
import numpy as np

from adapters.sensor.fault import Fault, rotation_matrix
from nets.front import vectors_of
from slipway.spec import Channel, SensorSpec, TaskSpec

TIME, SPARE = 64, 20  # samples of a window, and before and after it
SHARES = (0.4, 0.3, 0.3)
TILT = np.array([[0.3, 9.0, 3.5], [1.5, 8.5, 4.2], [-0.8, 9.5, 1.5]])  # m/s2, mean acceleration of each class
STEP_HZ = np.array([1.0, 1.6, 2.4])


def worn() -> TaskSpec:
    """Three classes of movement."""
    pairs = (("acc", "m/s2"), ("gyr", "rad/s"))
    channels = tuple(Channel(f"{name}_{axis}", unit) for name, unit in pairs for axis in "xyz")
    return TaskSpec("worn", SensorSpec(channels, 50.0, TIME), ("slow", "brisk", "fast"))


def moved(count, seed, shares=SHARES):
    """True signals (count, SPARE + TIME + SPARE, 6) and labels: gravity, steps of a class's rate, and noise."""
    random = np.random.default_rng(seed)
    labels = random.choice(3, count, p=shares).astype(np.int32)
    time = np.arange(-SPARE, TIME + SPARE)[None, :, None] / 50
    turns = 2 * np.pi * STEP_HZ[labels][:, None, None] * time + random.uniform(0, 2 * np.pi, (count, 1, 1))
    size = (1.0 + labels)[:, None, None] * random.uniform(0.7, 1.3, (count, 1, 1))
    phase = np.array([0.0, 0.6, 1.4])
    steps = np.array([0.6, 1.6, 1.0]) * (np.sin(turns + phase) + 0.4 * np.sin(2 * turns + 0.7 * phase))
    swing = np.array([1.2, 0.3, 0.6]) * (np.sin(turns + phase[::-1] + 0.5) + 0.3 * np.cos(2 * turns))
    posture = TILT[labels] + 0.5 * random.standard_normal((count, 3))
    values = np.concatenate([posture[:, None] + size * steps, size * swing], axis=2)
    return values + 0.2 * random.standard_normal(values.shape), labels


def read(true, fault: Fault):
    """Windows (count, TIME, 6) that a device with ``fault`` reads of true signals."""
    turn = np.asarray(rotation_matrix(jnp.asarray(fault.rotation_rad, jnp.float32)), np.float64)
    turned = true.copy()
    for vector in vectors_of(worn().sensor):
        turned[..., vector] = true[..., vector] @ turn.T
    places = np.arange(SPARE, SPARE + TIME)[:, None] - fault.lag
    low = np.floor(places).astype(int)
    columns = np.arange(true.shape[2])
    late = turned[:, low, columns] * (1 - (places - low)) + turned[:, low + 1, columns] * (places - low)
    return (late * fault.gain + fault.bias).astype(np.float32)
