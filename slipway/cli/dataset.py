"""``slipway dataset``: recorded data."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slipway.cli import show
from slipway.cli.options import (
    DEFAULT_SERVER,
    IdentityFolder,
    Json,
    ReadableFile,
    Server,
    connect,
    example,
    group,
    read_array,
)
from slipway.errors import Reason, Refused
from slipway.names import dataset_name

if TYPE_CHECKING:
    from slipway.client import Client
    from slipway.client.values import Dataset
    from slipway.spec import Channel, SensorSpec
    from slipway.windows import Answers

app = group("Recorded windows on the server, or only their statistics.")

Name = Annotated[str, typer.Argument(metavar="NAME", help='Such as "garage" or "datasets/garage".')]
ValuesKey = Annotated[str, typer.Option("--values", metavar="KEY", help="Name of the array of windows in the file.")]
LabelsKey = Annotated[str, typer.Option("--labels", metavar="KEY", help="Name of the array of labels; none if empty.")]


@app.command(epilog=example("dataset create garage --from rover"))
def create(
    name: Name,
    model: Annotated[str, typer.Option("--from", metavar="MODEL", help="Take sensor and classes from a model.")] = "",
    sensor: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="JSON file with channels (name, unit), rate_hz, window_length."),
    ] = None,
    classes: Annotated[str, typer.Option(help="Names of the classes, with commas between them.")] = "",
    outputs: Annotated[
        str, typer.Option(metavar="NAME:UNIT,…", help="What targets measure, for a regression; instead of classes.")
    ] = "",
    display_name: Annotated[str, typer.Option(help="Free text for people.")] = "",
    server: Server = DEFAULT_SERVER,
    identity: IdentityFolder = "",
    as_json: Json = False,
) -> None:
    """Create an empty dataset for one kind of sensor: that of a model, or one that you describe."""
    if (not model) == (sensor is None):
        raise typer.BadParameter("Give either --from MODEL or --sensor FILE.")
    with connect(server, identity) as client:
        spec, names, columns = _of_model(client, model) if sensor is None else (_sensor_file(sensor), (), ())
        if classes or outputs:
            names, columns = tuple(filter(None, classes.split(","))), _outputs(outputs)
        made = client.datasets.create(name, spec, names, outputs=columns, display_name=display_name)
    show.emit(made, as_json, lambda: show.console().print(f"created {made.name}"))


@app.command("list", epilog=example("dataset list --json"))
def list_(server: Server = DEFAULT_SERVER, identity: IdentityFolder = "", as_json: Json = False) -> None:
    """List the datasets."""
    with connect(server, identity) as client:
        found = list(client.datasets.list())
    columns = ("dataset", "windows>", "labelled>", "shape", "rate>", "created")
    show.emit(found, as_json, lambda: show.table(columns, map(_row, found), "There is no dataset yet."))


@app.command("show", epilog=example("dataset show garage"))
def show_(name: Name, server: Server = DEFAULT_SERVER, identity: IdentityFolder = "", as_json: Json = False) -> None:
    """Show one dataset."""
    with connect(server, identity) as client:
        found = client.datasets.get(name)
    show.emit(found, as_json, lambda: _describe(found))


@app.command(epilog=example("dataset delete garage --yes"))
def delete(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    server: Server = DEFAULT_SERVER,
    identity: IdentityFolder = "",
    as_json: Json = False,
) -> None:
    """Delete a dataset and its windows."""
    if not yes:
        typer.confirm(f"Delete {name} and all of its windows?", abort=True, err=True)
    with connect(server, identity) as client:
        client.datasets.delete(name)
    show.emit({"deleted": name}, as_json, lambda: show.console().print(f"deleted {name}"))


@app.command(epilog=example("dataset upload garage recording.npz --values x --labels y"))
def upload(
    name: Name,
    file: ReadableFile,
    values: ValuesKey = "values",
    labels: LabelsKey = "",
    upload_id: Annotated[str, typer.Option(help="A UUID; made from the content if you give none.")] = "",
    server: Server = DEFAULT_SERVER,
    identity: IdentityFolder = "",
    as_json: Json = False,
) -> None:
    """Upload windows (count, time, channels) from an .npz or .npy file.

    The same command again goes on where a broken one stopped; windows that are already there are not added twice.
    """
    from slipway.client.uploads import content_id

    windows = read_array(file, values).astype("float32", copy=False)
    marks = _answers(file, labels) if labels else None
    chosen = upload_id or content_id(dataset_name(name), windows, marks)
    with connect(server, identity) as client, show.bar(f"uploading {file.name}", "windows") as progress:
        done = client.datasets.upload_windows(name, windows, marks, upload_id=chosen, progress=progress)
    show.emit(done, as_json, lambda: show.console().print(f"uploaded {done.window_count:,} windows to {name}"))


@app.command("upload-statistics", epilog=example("dataset upload-statistics garage recording.npz --values x"))
def upload_statistics(
    name: Name,
    file: ReadableFile,
    values: ValuesKey = "values",
    server: Server = DEFAULT_SERVER,
    identity: IdentityFolder = "",
    as_json: Json = False,
) -> None:
    """Send only count, mean and deviation per channel; the windows stay here."""
    from slipway.client import statistics_of

    found = statistics_of(read_array(file, values).astype("float64"))
    with connect(server, identity) as client:
        merged = client.datasets.upload_statistics(name, found)
    words = f"sent the statistics of {found.count:,} samples to {merged.name}"
    show.emit(merged, as_json, lambda: show.console().print(words))


def _answers(file: Path, key: str) -> "Answers":
    """Labels (count,) as whole numbers, or targets (count, outputs) as they are."""
    found = read_array(file, key)
    return found.astype("float32" if found.ndim == 2 else "int32", copy=False)


def _outputs(text: str) -> "tuple[Channel, ...]":
    from slipway.spec import Channel

    pairs = (part.partition(":") for part in filter(None, text.split(",")))
    return tuple(Channel(name, unit) for name, _, unit in pairs)


def _of_model(client: "Client", name: str) -> "tuple[SensorSpec, tuple[str, ...], tuple[Channel, ...]]":
    task = client.models.get(name).task
    return task.sensor, task.classes, task.outputs


def _sensor_file(path: Path) -> "SensorSpec":
    import json

    from slipway.spec import sensor_from_json

    try:
        return sensor_from_json(json.loads(path.read_bytes()))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        remedy = 'Write {"channels": [{"name": …, "unit": …}], "rate_hz": …, "window_length": …}.'
        raise Refused(Reason.FIELD_INVALID, field="sensor", problem=error, found=path.name, remedy=remedy) from error


def _row(dataset: "Dataset") -> tuple[str, ...]:
    shape = "×".join(map(str, dataset.sensor.window_shape))
    labelled = f"{sum(dataset.label_counts):,}"
    rate = f"{dataset.sensor.rate_hz:g} Hz"
    return dataset.name, f"{dataset.window_count:,}", labelled, shape, rate, show.age_words(dataset.create_time)


def _describe(dataset: "Dataset") -> None:
    sensor = dataset.sensor
    counts = dataset.label_counts or (0,) * len(dataset.classes)
    classes = ", ".join(f"{name} {count:,}" for name, count in zip(dataset.classes, counts, strict=False))
    outputs = ", ".join(f"{output.name} ({output.unit})" for output in dataset.outputs)
    channels = ", ".join(f"{channel.name} ({channel.unit})" for channel in sensor.channels)
    pairs = [
        ("name", dataset.display_name),
        ("windows", f"{dataset.window_count:,} of {sensor.window_length} samples at {sensor.rate_hz:g} Hz"),
        ("channels", channels),
        ("labels", classes),
        ("targets", f"{sum(dataset.label_counts):,} of {outputs}" if outputs else ""),
        ("statistics", f"of {dataset.statistics.count:,} samples" if dataset.statistics else ""),
        ("created", show.age_words(dataset.create_time)),
    ]
    show.facts(dataset.name, pairs)
