"""The command ``slipway-server``: serve, demo, litert, data, world, updates. Starts without JAX; ``serve`` needs none.

Exit codes: 0 done · 1 refused or failed · 2 wrong usage · 130 interrupted.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer

from service.updates_cli import app as updates_app
from service.world_cli import SETTINGS, Json
from service.world_cli import app as world_app
from slipway.errors import Refused

FAILED, INTERRUPTED = 1, 130

app = typer.Typer(
    name="slipway-server",
    help="Keeps recorded data and models, trains and adapts them, and brings them to devices.",
    epilog="Example: slipway-server serve --data ./slipway-data",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings=SETTINGS,
)
data_app = typer.Typer(
    help="Public recordings that the studies and the demo use.", no_args_is_help=True, context_settings=SETTINGS
)
app.add_typer(data_app, name="data")
app.add_typer(world_app, name="world")
app.add_typer(updates_app, name="updates")


@app.command(epilog="Example: slipway-server serve --data ./slipway-data --listen 0.0.0.0:8471 --workers 2")
def serve(
    data: Annotated[
        Path | None, typer.Option("--data", file_okay=False, help="Folder for all that the server keeps.")
    ] = None,
    listen: Annotated[
        str | None, typer.Option("--listen", metavar="HOST:PORT", help="Where to listen; port 0: any free one.")
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=0, help="Worker processes for jobs.")] = None,
    as_json: Json = False,
) -> None:
    """Run the server until it is stopped; it prints its address. Other settings are SLIPWAY_SERVER_… variables."""
    from service.config import from_environment
    from service.identity.lines import Listening
    from service.server import run

    def announce(listening: Listening) -> None:
        print(json.dumps(listening.to_json()) if as_json else listening.words(), flush=True)

    try:
        config = from_environment(data_folder=data, address=listen, worker_count=workers)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    run(config, announce)


@app.command(epilog="Example: slipway-server demo --out out/demo")
def demo(
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder for the report and the summary.")] = Path(
        "out/demo"
    ),
    data: Annotated[
        Path | None,
        typer.Option(envvar="SLIPWAY_DATA", file_okay=False, help="Folder of recordings; fetched if not given."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    windows: Annotated[int, typer.Option(min=0, help="Windows to simulate; 0: a million. Fewer learn less.")] = 0,
    as_json: Json = False,
) -> None:
    """Tell the whole story: pretrain in simulation, adapt to a real robot, check, quantise, deliver, run offline."""
    from studies.demo import story

    raise typer.Exit(story.run(out, data, seed, as_json, windows))


@app.command(epilog="Example: slipway-server litert model.safetensors --calibration windows.npz --output net.tflite")
def litert(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL_FILE", exists=True, dir_okay=False, help="A version's artifact `model`.")
    ],
    calibration: Annotated[
        Path, typer.Option("--calibration", exists=True, dir_okay=False, help="Recorded windows, .npz or .npy.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", dir_okay=False, help="Where to write the .tflite.")],
    values: Annotated[str, typer.Option(help="Name of the windows' array in an .npz file.")] = "values",
    as_float: Annotated[bool, typer.Option("--float", help="Everything in float32.")] = False,
    as_integer: Annotated[
        bool, typer.Option("--integer", help="Integer operators only: bytes in, bytes out, behind the front.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Convert a model to int8 LiteRT: every second window calibrates, the others prove that it answers as the model."""
    from export.litert import cli

    if as_float and as_integer:
        raise typer.BadParameter("--float and --integer exclude each other")
    kind: Literal["float", "int8", "integer"] = "float" if as_float else "integer" if as_integer else "int8"
    written = cli.write(model, calibration, values, output, kind)
    print(json.dumps(written) if as_json else cli.words(written))


@data_app.command("list", epilog="Example: slipway-server data list")
def list_data(as_json: Json = False) -> None:
    """List the recordings that can be fetched."""
    from studies import fetch

    rows = [{"name": name, "url": source.url, "licence": source.licence} for name, source in fetch.SOURCES.items()]
    for row in rows if not as_json else ():
        print(f"{row['name']:<20} {row['licence']:<12} {row['url']}")
    if as_json:
        print(json.dumps(rows))


@data_app.command("fetch", epilog="Example: slipway-server data fetch wall_following --to data")
def fetch_data(
    name: Annotated[str, typer.Argument(metavar="NAME", help="One of `slipway-server data list`.")],
    to: Annotated[
        Path, typer.Option("--to", envvar="SLIPWAY_DATA", file_okay=False, help="Folder of recordings.")
    ] = Path("data"),
    as_json: Json = False,
) -> None:
    """Download a recording from its public source, check its hash, and put it into a folder of its name."""
    from studies import fetch

    folder = fetch.fetch(name, to)
    print(json.dumps({"name": name, "folder": str(folder)}) if as_json else f"{name} is in {folder}")


def main() -> None:
    """Run the command line."""
    signal.signal(signal.SIGINT, _interrupted)
    try:
        app()
    except Refused as refusal:
        print(f"refused: {refusal.message}\n  → {refusal.remedy}", file=sys.stderr)
        if "--json" in sys.argv:
            error = {"reason": refusal.reason, "message": refusal.message, "remedy": refusal.remedy}
            print(json.dumps({"error": error}))
        sys.exit(FAILED)


def _interrupted(*_: object) -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.write(2, b"interrupted\n")  # print may be what was interrupted
    sys.exit(INTERRUPTED)
