"""The one table of worlds, and worlds of your own by import path."""

import importlib

from sim.world import World
from sim.worlds import contact, keyword, pendulum, rover, rover_device, wearable
from slipway.errors import Reason, Refused

WORLDS: dict[str, World] = {
    world.name: world
    for world in (
        rover.WORLD,
        rover_device.WORLD,
        wearable.WEARABLE_PHONE,
        wearable.WEARABLE_WATCH,
        contact.WORLD,
        pendulum.WORLD,
        keyword.WORLD,
    )
}


def load(name: str) -> World:
    """A world of the table by its name, or one of your own as ``module:NAME``.

    Importing a module runs it: call this with a path from your own command line, never with one from outside.

    Raises:
        Refused: FIELD_INVALID naming ``world``: not in the table, no such module, a module that raises, no such name
            in it, or something else than a world.
    """
    if ":" not in name:
        return WORLDS[name] if name in WORLDS else _refuse("is not known here", repr(name), _known())
    module_name, _, attribute = name.partition(":")
    if not module_name or module_name.startswith("."):
        return _refuse("needs the full name of a module", repr(name), "Write module:NAME.")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        remedy = "Write module:NAME, and start where the module can be imported or set PYTHONPATH."
        return _refuse("there is no such module", f"{name} ({error})", remedy)
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
        return _refuse(f"importing {module_name} raised an error", found, "Correct the module.", error)
    world = getattr(module, attribute, None)
    if world is None:
        names = ", ".join(n for n, value in vars(module).items() if isinstance(value, World)) or "no world"
        return _refuse(f"{module_name} has no {attribute}", f"{names} in it", "Name a world of the module.")
    if not isinstance(world, World):
        remedy = "Make it a sim.world.World, for example with sim.gymnasium_source.world_of_env."
        return _refuse(f"{name} must be a World", type(world).__name__, remedy)
    return world


def _known() -> str:
    return f"Use one of {', '.join(sorted(WORLDS))}, or module:NAME for a world of your own."


def _refuse(problem: str, found: str, remedy: str, cause: Exception | None = None) -> World:
    raise Refused(Reason.FIELD_INVALID, field="world", problem=problem, found=found, remedy=remedy) from cause
