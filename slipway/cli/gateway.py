"""``slipway gateway``: one node on a site that relays for its devices."""

import json
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from slipway.cli.options import DEFAULT_SERVER, IdentityFolder, Json, Server, example, group

app = group("Relays and keeps updates for many devices on one site; no device has to trust it.")

DEFAULT_LISTEN = "127.0.0.1:8472"


@app.callback()
def gateway() -> None:
    """Keep ``run`` a command of its own."""


@app.command(epilog=example("gateway run --server 192.0.2.7:8471 --listen 127.0.0.1:8472 --windows sample"))
def run(
    server: Server = DEFAULT_SERVER,
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Where devices ask; port 0 lets the system choose.")
    ] = DEFAULT_LISTEN,
    identity: IdentityFolder = "",
    folder: Annotated[
        Path, typer.Option("--folder", envvar="SLIPWAY_GATEWAY_FOLDER", file_okay=False, help="What it keeps.")
    ] = Path("slipway-gateway"),
    windows: Annotated[
        str, typer.Option("--windows", metavar="none|statistics|sample", help="What leaves the site of measurements.")
    ] = "statistics",
    keep_share: Annotated[
        float, typer.Option("--keep-share", metavar="SHARE", help="Share of the windows to sample, 0 to 1.")
    ] = 0.1,
    dataset: Annotated[
        str, typer.Option("--dataset", metavar="ID", help="Merge all devices into this one; else each keeps its own.")
    ] = "",
    interval: Annotated[
        float, typer.Option("--interval", metavar="SECONDS", help="Pause between two parcels to the server.")
    ] = 600.0,
    cache_mib: Annotated[int, typer.Option("--cache", metavar="MIB", min=1, help="Room for bundles.")] = 2048,
    as_json: Json = False,
) -> None:
    """Serve devices until it is stopped; go on from what it kept while the server is away.

    Devices need no other program: they name the gateway's address with --server.
    """
    from slipway.gateway.node import Setup
    from slipway.gateway.node import run as serve
    from slipway.gateway.policy import Limits, Policy
    from slipway.spec import check_name

    def announce(address: str) -> None:
        print(json.dumps({"address": address}) if as_json else f"slipway gateway listens on {address}", flush=True)

    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    if dataset:
        check_name(dataset, "--dataset")
    policy = Policy(windows, keep_share, dataset, interval)
    serve(Setup(server, listen, folder, policy, Limits(target_bytes=cache_mib << 20), identity), announce)
