"""``slipway model``: what was learned."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slipway.cli import model_import, receipt_view, show
from slipway.cli.options import DEFAULT_SERVER, IdentityFolder, Json, Server, connect, example, group
from slipway.names import last_part, version_name

if TYPE_CHECKING:
    from slipway.client.values import Model, ModelChannel, Version

app = group("Models, their versions and the channels that devices follow.")
channel_app = group("Names that point at versions; devices follow them.")
app.add_typer(channel_app, name="channel")
app.command("import", epilog=example("model import rover net.onnx --task task.json --wait"))(model_import.import_)

ENDINGS = {"receipt": ".json", "report": ".html", "c": ".zip"}
ModelName = Annotated[str, typer.Argument(metavar="MODEL", help='Such as "rover" or "models/rover".')]
VersionName = Annotated[str, typer.Argument(metavar="VERSION", help='Such as "rover/1" or "models/rover/versions/1".')]
ChannelName = Annotated[str, typer.Argument(metavar="CHANNEL", help='Such as "stable", "candidate" or "beta".')]


@app.command("list", epilog=example("model list"))
def list_(server: Server = DEFAULT_SERVER, identity: IdentityFolder = "", as_json: Json = False) -> None:
    """List the models."""
    with connect(server, identity) as client:
        found = list(client.models.list())
    rows = ((m.name, m.latest_version, _answer_words(m), show.age_words(m.create_time)) for m in found)
    columns = ("model", "latest version", "answers", "created")
    show.emit(found, as_json, lambda: show.table(columns, rows, "There is no model yet."))


@app.command("show", epilog=example("model show rover/2"))
def show_(
    name: Annotated[str, typer.Argument(metavar="NAME", help='A model ("rover") or one of its versions ("rover/2").')],
    server: Server = DEFAULT_SERVER,
    identity: IdentityFolder = "",
    as_json: Json = False,
) -> None:
    """Show a model, or one of its versions with lineage, files and receipt."""
    with connect(server, identity) as client:
        if "/" in name.removeprefix("models/"):
            version = client.models.version(name)
            has_receipt = any(file.name.endswith("/receipt") for file in version.artifacts)
            receipt = client.models.receipt(name) if has_receipt else None
            value = {**show.plain(version), "receipt": receipt}
            show.emit(value, as_json, lambda: _describe_version(version, receipt))
        else:
            model = client.models.get(name)
            channels = list(client.models.channels(name))
            show.emit(model, as_json, lambda: _describe_model(model, channels))


@app.command(epilog=example("model versions rover"))
def versions(
    model: ModelName, server: Server = DEFAULT_SERVER, identity: IdentityFolder = "", as_json: Json = False
) -> None:
    """List a model's versions, newest first."""
    from rich.markup import escape

    with connect(server, identity) as client:
        found = list(client.models.versions(model))
    rows = (
        (
            version.name,
            escape(version.lineage.method) if version.lineage else "",
            version.lineage.parent if version.lineage else "",
            f"{version.parameter_count:,}",
            show.age_words(version.create_time),
        )
        for version in found
    )
    columns = ("version", "method", "from", "parameters>", "created")
    show.emit(found, as_json, lambda: show.table(columns, rows, "There is no version yet."))


@app.command(epilog=example("model download rover/2 bundle --output rover.slipway"))
def download(
    version: VersionName,
    artifact: Annotated[
        str,
        typer.Argument(help='Such as "bundle", "int8_onnx", "float_onnx", "c", "model", "receipt" or "report".'),
    ] = "bundle",
    output: Annotated[Path | None, typer.Option("--output", "-o", dir_okay=False, help="Where to write it.")] = None,
    server: Server = DEFAULT_SERVER,
    identity: IdentityFolder = "",
    as_json: Json = False,
) -> None:
    """Download a file of a version; the same command again goes on where a broken one stopped."""
    name = version_name(version)
    path = output or Path("-".join([*name.split("/")[1::2], artifact]) + ENDINGS.get(artifact, ""))
    with connect(server, identity) as client, show.bar(f"downloading {artifact}", "bytes") as progress:
        found = client.models.download_artifact(f"{name}/artifacts/{artifact}", path, progress=progress)
    value = {"path": str(path), "sha256": found.sha256, "size_bytes": found.size_bytes}
    words = f"{path}  {show.size_words(found.size_bytes)}  {found.sha256}"
    show.emit(value, as_json, lambda: show.console().print(words))


@app.command(epilog=example("model receipt rover/2"))
def receipt(
    version: VersionName, server: Server = DEFAULT_SERVER, identity: IdentityFolder = "", as_json: Json = False
) -> None:
    """Show how an adapted version came about: what was tried, who voted for what, and what the gate decided."""
    with connect(server, identity) as client:
        found = client.models.receipt(version)
    show.emit(found, as_json, lambda: receipt_view.describe(found))


@channel_app.command("show", epilog=example("model channel show rover stable"))
def channel_show(
    model: ModelName,
    channel: ChannelName = "stable",
    server: Server = DEFAULT_SERVER,
    identity: IdentityFolder = "",
    as_json: Json = False,
) -> None:
    """Show where a channel points, and where it pointed before."""
    with connect(server, identity) as client:
        found = client.models.channel(model, channel)
    rows = ((move.version, show.age_words(move.time)) for move in reversed(found.history))
    show.emit(found, as_json, lambda: show.table((found.name, "since"), rows, "It never moved."))


@channel_app.command("set", epilog=example("model channel set rover stable rover/2"))
def channel_set(
    model: ModelName,
    channel: ChannelName,
    version: Annotated[str, typer.Argument(metavar="VERSION", help='Such as "2", "rover/2" or its full name.')],
    etag: Annotated[str, typer.Option(help="Move only if the channel still has this etag.")] = "",
    server: Server = DEFAULT_SERVER,
    identity: IdentityFolder = "",
    as_json: Json = False,
) -> None:
    """Point a channel at a version; its devices install it."""
    full = f"{last_part(model)}/{version}" if version.isdigit() else version
    with connect(server, identity) as client:
        moved = client.models.set_channel(model, channel, full, etag=etag)
    show.emit(moved, as_json, lambda: show.console().print(f"{moved.name} → {moved.version}"))


def _describe_model(model: "Model", channels: "list[ModelChannel]") -> None:
    sensor = model.task.sensor
    pairs = [
        ("outputs" if model.task.outputs else "classes", _answer_words(model)),
        ("window", f"{sensor.window_length} × {len(sensor.channels)} channels at {sensor.rate_hz:g} Hz"),
        ("latest", model.latest_version),
        *((channel.name.rpartition("/")[2], channel.version) for channel in channels),
        ("created", show.age_words(model.create_time)),
    ]
    show.facts(model.name, pairs)


def _answer_words(model: "Model") -> str:
    outputs = (f"{output.name} ({output.unit})" for output in model.task.outputs)
    return ", ".join((*model.task.classes, *outputs))


def _count_words(window_count: int) -> str:
    return f"{window_count:,} windows, " if window_count else ""


def _describe_version(version: "Version", receipt: "dict[str, Any] | None") -> None:
    from rich.markup import escape

    lineage = version.lineage
    pairs = [("parameters", f"{version.parameter_count:,}")]
    if lineage:
        data = ", ".join(f"{row.name} ({_count_words(row.window_count)}{row.sha256[:12]})" for row in lineage.data)
        pairs += [("method", escape(lineage.method)), ("from", lineage.parent), ("job", lineage.job), ("data", data)]
    if version.history:
        last = version.history[-1]
        words = f"{last.epoch} epochs, loss {last.loss:.3f}, validation {last.validation_accuracy:.2%}"
        pairs.append(("learning", words))
    pairs.append(("created", show.age_words(version.create_time)))
    show.facts(version.name, pairs)
    show.console().print()
    rows = ((a.name.rpartition("/")[2], show.size_words(a.size_bytes), a.sha256) for a in version.artifacts)
    show.table(("file", "size>", "sha-256"), rows, "No files yet; run an export job.")
    if receipt is not None:
        receipt_view.describe(receipt)
