"""The bundle's net at the wheel of a simulated robot."""

import numpy as np

from sim.catalog import WORLDS
from sim.drive import drive as drive_world
from sim.rooms import walls
from slipway.bundle.runtime import Runtime
from studies.demo.result import Drive

ROUNDS = 4
STEPS = 5456  # as many as the recorded robot took for its four rounds


def drive(runtime: Runtime, seed: int) -> Drive:
    """Let the delivered model drive the rover's world for as long as the recording took."""

    def controller(reading: np.ndarray) -> int:
        return int(runtime.logits(reading[None])[0].argmax())

    world = WORLDS["rover"]
    trip = drive_world(world, controller, STEPS, seed)
    return Drive(
        walls=np.asarray(walls(trip.room)).reshape(-1, 2, 2),
        poses=trip.poses[:-1],
        commands=trip.commands,
        radius_m=float(world.prior.centre()["robot_radius_m"]),
        rounds=trip.rounds,
        collided=bool(trip.collided.any()),
    )
