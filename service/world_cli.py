"""``slipway-server world``: look at simulators, and check one of your own. Loads JAX only when a command runs."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from sim.world import World

SETTINGS = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    help="Simulators: those that come with the server, and your own.", no_args_is_help=True, context_settings=SETTINGS
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON value on stdout.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help='One of `world list`, or your own as "module:NAME".')]
Seed = Annotated[int, typer.Option(help="Seed of everything random.")]


@app.command("list", epilog="Example: slipway-server world list")
def list_worlds(as_json: Json = False) -> None:
    """List the worlds that come with the server."""
    from sim.catalog import WORLDS

    rows = [_row(world) for world in WORLDS.values()]
    for row in rows if not as_json else ():
        shape = f"{row['window_length']} × {row['channel_count']} at {row['rate_hz']:g} Hz"
        print(f"{row['name']:<20} {shape:<24} {row['parameter_count']:>3} parameters  {', '.join(row['answers'])}")
    if as_json:
        print(json.dumps(rows))


@app.command(epilog="Example: slipway-server world show rover")
def show(name: Name, as_json: Json = False) -> None:
    """Show a world: its windows, what is asked of them, and its prior."""
    world = _load(name)
    if as_json:
        parameters = {
            p.name: {"unit": p.unit, "low": p.low, "high": p.high, "doc": p.doc, "size": p.size}
            for p in world.prior.parameters
        }
        value = {"name": world.name, "task": world.task.to_json(), "parameters": parameters}
        print(json.dumps({**value, "prior": world.prior.to_json(), "explains": world.explain is not None}))
        return
    row = _row(world)
    channels = ", ".join(f"{channel.name} ({channel.unit})" for channel in world.task.sensor.channels)
    print(f"{world.name}: {', '.join(row['answers'])}")
    print(f"windows of {row['window_length']} samples at {row['rate_hz']:g} Hz: {channels}")
    print(world.prior)


@app.command(epilog="Example: slipway-server world check my_worlds:CAR")
def check(
    name: Name,
    seed: Seed = 0,
    count: Annotated[int, typer.Option(min=1, help="Windows to look at.")] = 4096,
    as_json: Json = False,
) -> None:
    """Check that a world keeps its contract: shapes, types, chance, finite windows, balanced labels."""
    from sim.check import check_world

    world = _load(name)
    check_world(world, seed=seed, count=count)
    print(json.dumps({"name": world.name, "windows": count}) if as_json else f"{world.name} keeps its contract")


@app.command(epilog="Example: slipway-server world plot rover --out rover.png")
def plot(
    name: Name,
    out: Annotated[Path | None, typer.Option(dir_okay=False, help="The picture; by default its name and .png.")] = None,
    as_json: Json = False,
) -> None:
    """Draw what a world's windows look like."""
    from sim.plots import plot_world

    world = _load(name)
    path = out or Path(f"{world.name}.png")
    plot_world(world, path)
    print(json.dumps({"path": str(path)}) if as_json else str(path))


def _load(name: str) -> "World":
    from sim.catalog import load

    sys.path.insert(0, os.getcwd())  # as ``python -m`` does: your world lies where you are
    return load(name)


def _row(world: "World") -> dict[str, Any]:
    task = world.task
    return {
        "name": world.name,
        "answers": [*task.classes, *(f"{output.name} ({output.unit})" for output in task.outputs)],
        "window_length": task.sensor.window_length,
        "channel_count": len(task.sensor.channels),
        "rate_hz": task.sensor.rate_hz,
        "parameter_count": len(world.prior.parameters),
    }
