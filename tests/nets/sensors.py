"""Sensors and windows with vectors in them."""

import numpy as np

from slipway.spec import Channel, SensorSpec, TaskSpec


def sensor(*names: str, unit: str = "m/s2", time: int = 32, rate_hz: float = 50.0) -> SensorSpec:
    """Channels of one unit; a name may carry its own after a blank."""
    rows = (name.split() for name in names)
    return SensorSpec(tuple(Channel(row[0], row[1] if row[1:] else unit) for row in rows), rate_hz, time)


IMU = sensor("acc_x", "acc_y", "acc_z", "gyr_x rad/s", "gyr_y rad/s", "gyr_z rad/s")
CLIMBING = sensor("pressure Pa", "acc_x", "acc_y", "acc_z", "gyr_x rad/s", "gyr_y rad/s", "gyr_z rad/s")
IMU_TASK = TaskSpec("moving", IMU, ("still", "shaken", "turned"))


def moving(count: int, seed: int = 0, time: int = 32) -> np.ndarray:
    """Windows (count, time, 6): gravity in some direction, acceleration and rotation of any."""
    draw = np.random.default_rng(seed)
    down = draw.normal(size=(count, 1, 3))
    force = 9.81 * down / np.linalg.norm(down, axis=2, keepdims=True) + draw.normal(size=(count, time, 3))
    return np.concatenate([force, draw.normal(size=(count, time, 3))], axis=2).astype(np.float32)


def rotation(seed: int) -> np.ndarray:
    """A random proper rotation, from a QR decomposition rather than from an angle."""
    found, upper = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    found = found * np.sign(np.diag(upper))
    return found * np.linalg.det(found)
