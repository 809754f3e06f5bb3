"""The one table of worlds."""

from sim.world import World
from sim.worlds import rover, rover_device

WORLDS: dict[str, World] = {world.name: world for world in (rover.WORLD, rover_device.WORLD)}
