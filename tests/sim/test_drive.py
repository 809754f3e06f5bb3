"""The published rule drives the robot round the room, and does not touch a wall."""

import numpy as np
import pytest

from sim.drive import by_policy, drive
from sim.worlds.rover import FORWARD, WORLD, demo_room


def test_the_rule_drives_four_rounds_without_touching_a_wall() -> None:
    found = drive(WORLD, by_policy(WORLD), 5456, seed=0)
    assert found.rounds >= 4
    assert not found.collided.any()
    assert np.bincount(found.commands, minlength=4)[[0, 2, 3]].min() > 50


def test_a_trajectory_holds_what_was_seen_said_and_done() -> None:
    seen: list[np.ndarray] = []

    def controller(reading: np.ndarray) -> int:
        seen.append(reading)
        return len(seen) % 4

    found = drive(WORLD, controller, 20, seed=1, room=demo_room())
    assert found.poses.shape == (21, 3) and found.readings.shape == (20, 1, 24)
    assert found.readings.dtype == np.float32 and np.array_equal(np.stack(seen), found.readings)
    assert found.commands.tolist() == [(i + 1) % 4 for i in range(20)]


def test_the_same_seed_drives_the_same() -> None:
    first, second, other = (drive(WORLD, by_policy(WORLD), 40, seed) for seed in (3, 3, 4))
    assert np.array_equal(first.poses, second.poses) and not np.array_equal(first.poses, other.poses)


def test_a_blind_driver_hits_the_wall_and_stays_in_the_room() -> None:
    found = drive(WORLD, lambda reading: FORWARD, 400, seed=0)
    assert found.collided[-1]
    assert found.rounds == pytest.approx(0, abs=0.5)
    assert np.all(np.abs(found.poses[:, :2] - 2) < 4)
