"""The stand-in for a real device is built otherwise than the world that is learned from."""

import numpy as np

from sim.worlds import rover, rover_device
from sim.worlds.rover import rule


def test_a_recording_is_one_device_in_the_order_of_time() -> None:
    values, labels = rover_device.recording(seed=1, steps=800)
    again, _ = rover_device.recording(seed=1, steps=800)
    assert values.shape == (800, 1, 24) and values.dtype == np.float32 and labels.dtype == np.int32
    assert np.array_equal(values, again)
    assert np.array_equal(rule(values[:, 0]), labels)
    jumps = np.abs(np.diff(values[:90, 0], axis=0))
    assert np.median(jumps) < 0.05


def test_it_answers_the_same_task_with_other_physics() -> None:
    names = {parameter.name for parameter in rover_device.PARAMETERS}
    ours = {parameter.name for parameter in rover.PARAMETERS}
    assert rover_device.WORLD.task == rover.TASK
    assert {"cone_rad", "hall_length_m"} <= names - ours
    assert {"beam_width_rad", "room_width_m"} <= ours - names
