"""What the workers can simulate, as they said when they last started.

The server never loads a simulator, yet a typing error in a job should not wait for a worker: workers describe their
worlds here, and jobs are compared with the descriptions when they are created. Before the first worker of a catalogue
has started there are none; then the worker that takes the job has the only word. It has the last one anyway.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from service.catalogue.tables import worlds
from slipway.spec import TaskSpec


@dataclass(frozen=True)
class World:
    """A row of ``worlds``.

    Args:
        name: as jobs name it.
        task: what its windows are and what is asked of them.
        bounds: smallest and largest possible value of each parameter.
        units: of each parameter, as UCUM code.
        kinds: options of each kind of distribution.
        explains: whether the physics has an answer of its own to a window.
    """

    name: str
    task: TaskSpec
    bounds: dict[str, tuple[float, float]] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, tuple[str, ...]] = field(default_factory=dict)
    explains: bool = False


def replace(connection: Connection, found: Iterable[World]) -> None:
    """Forget the worlds of the workers before, and enter these."""
    connection.execute(delete(worlds))
    for world in found:
        plain = asdict(world) | {"task": world.task.to_json()}
        connection.execute(insert(worlds).values(name=plain.pop("name"), description=plain))


def known(connection: Connection) -> dict[str, World]:
    """Every world, by name."""
    return {row.name: _record(row) for row in connection.execute(select(worlds).order_by(worlds.c.name))}


def _record(row: Any) -> World:
    plain = dict(row.description)
    pairs = {name: (low, high) for name, (low, high) in plain["bounds"].items()}
    kinds = {kind: tuple(options) for kind, options in plain["kinds"].items()}
    task = TaskSpec.from_json(plain["task"])
    return World(row.name, task, pairs, plain["units"], kinds, plain["explains"])
