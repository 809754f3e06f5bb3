"""``slipway model import``: a graph that was made elsewhere."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slipway.cli import show
from slipway.cli.job_create import follow
from slipway.cli.options import DEFAULT_SERVER, IdentityFolder, Json, ReadableFile, Server, Wait, connect
from slipway.errors import Reason, Refused

if TYPE_CHECKING:
    from slipway.client import Client
    from slipway.spec import TaskSpec


def import_(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Model that gets a new version.")],
    file: ReadableFile,
    task: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="JSON file: name, sensor (channels, rate_hz, window_length), classes."
        ),
    ] = None,
    like: Annotated[str, typer.Option(metavar="MODEL", help="It answers what this model answers, instead.")] = "",
    layout: Annotated[
        str, typer.Option(help='Of its input: "time_channels", "channels_time", or empty: as its shape says.')
    ] = "",
    wait: Wait = False,
    server: Server = DEFAULT_SERVER,
    identity: IdentityFolder = "",
    as_json: Json = False,
) -> None:
    """Make a version of an ONNX file that was made elsewhere, float or int8; it must hold its weights itself."""
    if (task is None) == (not like):
        raise typer.BadParameter("Give either --task FILE or --like MODEL.")
    with connect(server, identity) as client:
        asked = _task_of(client, like) if task is None else _task_file(task)
        with show.bar(f"sending {file.name}", "bytes") as progress:
            made = client.models.import_model(model, file, asked, layout=layout, progress=progress)
        if wait:
            follow(client, made.name, as_json)
            return
    words = f"created {made.name}; follow it with: slipway job watch {made.name}"
    show.emit(made, as_json, lambda: show.console().print(words))


def _task_of(client: "Client", model: str) -> "TaskSpec":
    return client.models.get(model).task


def _task_file(path: Path) -> "TaskSpec":
    from slipway.spec import TaskSpec

    try:
        return TaskSpec.from_json(json.loads(path.read_bytes()))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        remedy = (
            'Write {"name": …, "sensor": {"channels": [{"name": …, "unit": …}], "rate_hz": …, "window_length": …}, …}.'
        )
        raise Refused(Reason.FIELD_INVALID, field="task", problem=error, found=path.name, remedy=remedy) from error
