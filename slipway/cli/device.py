"""``slipway device``: what devices told last."""

from typing import Annotated

import typer

from slipway.cli import rollout_view, show
from slipway.cli.options import DEFAULT_SERVER, IdentityFolder, Json, Server, connect, example, group
from slipway.cli.rollout import of

app = group("Devices in the field: what runs there, and how far their input is from home.")


@app.command("list", epilog=example("device list --model rover"))
def list_(
    model: Annotated[str, typer.Option(help="Only devices that run a version of this model.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many, by id.")] = 200,
    server: Server = DEFAULT_SERVER,
    identity: IdentityFolder = "",
    as_json: Json = False,
) -> None:
    """List devices with their version and drift."""
    from itertools import islice

    with connect(server, identity) as client:
        found = list(islice(of(client).devices(model), limit))
    show.emit(found, as_json, lambda: rollout_view.devices(found))


@app.command("show", epilog=example("device show d036cea7e"))
def show_(
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="Its id.")],
    server: Server = DEFAULT_SERVER,
    identity: IdentityFolder = "",
    as_json: Json = False,
) -> None:
    """Show one device and what ran there when."""
    with connect(server, identity) as client:
        found = of(client).device(device)
    show.emit(found, as_json, lambda: rollout_view.describe_device(found))
