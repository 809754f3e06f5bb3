"""``slipway policy``: what a model does about drift by itself."""

from typing import Annotated

import typer

from slipway.cli import rollout_view, show
from slipway.cli.options import DEFAULT_SERVER, IdentityFolder, Json, Server, connect, example, group
from slipway.cli.rollout import Devices, Error, Exceptions, Loss, Reports, Slower, Stages, of, shares

app = group("What a model does about drift by itself: adapt, judge, roll out.")

ModelName = Annotated[str, typer.Argument(metavar="MODEL", help='Such as "rover".')]


@app.command("show", epilog=example("policy show rover"))
def show_(
    model: ModelName, server: Server = DEFAULT_SERVER, identity: IdentityFolder = "", as_json: Json = False
) -> None:
    """Show a model's policy, what it does now, and all that it did."""
    with connect(server, identity) as client:
        found = of(client).policy(model)
    show.emit(found, as_json, lambda: rollout_view.describe_policy(found))


@app.command("set", epilog=example("policy set rover --target garage --drifting 5"))
def set_(
    model: ModelName,
    target: Annotated[str, typer.Option(help="Dataset that drifting devices send windows to.")],
    channel: Annotated[str, typer.Option(help="Channel that devices follow.")] = "stable",
    drift: Annotated[float, typer.Option(help="Drift from which a device counts; 0: 1.")] = 0.0,
    drifting: Annotated[int, typer.Option(help="Drifting devices that begin an adaptation; 0: 3.")] = 0,
    rest: Annotated[float, typer.Option(metavar="HOURS", help="Hours between two rounds; 0: 24.")] = 0.0,
    scope: Annotated[str, typer.Option(help="Numbers that may change; default: what suits the windows.")] = "",
    source: Annotated[str, typer.Option(metavar="DATASET", help="Labelled windows to compare with.")] = "",
    budget: Annotated[int, typer.Option(metavar="BYTES", help="That the change may need; 0: any.")] = 0,
    stages: Stages = "",
    loss: Loss = None,
    slower: Slower = None,
    exceptions: Exceptions = None,
    error: Error = None,
    reports: Reports = None,
    devices: Devices = None,
    server: Server = DEFAULT_SERVER,
    identity: IdentityFolder = "",
    as_json: Json = False,
) -> None:
    """Let a model see to drift by itself from now on. What is not given has its default."""
    from slipway.client.rollouts import plan
    from slipway.names import dataset_name
    from slipway.v1 import jobs_pb2

    named = dataset_name(source) if source else ""
    adaptation = jobs_pb2.AdaptSpec(scope=scope, source=named, byte_budget=budget)
    limits = {"loss": loss, "slower": slower, "exceptions": exceptions, "error": error}
    counts = {"report_count": reports, "device_count": devices}
    with connect(server, identity) as client:
        found = of(client).set_policy(
            model,
            target,
            channel=channel,
            drift_limit=drift,
            device_count=drifting,
            rest_hours=rest,
            adaptation=adaptation,
            plan=plan(shares(stages), **limits, **counts),
        )
    show.emit(found, as_json, lambda: rollout_view.describe_policy(found))


@app.command(epilog=example("policy off rover"))
def off(
    model: ModelName, server: Server = DEFAULT_SERVER, identity: IdentityFolder = "", as_json: Json = False
) -> None:
    """Do nothing by itself any more; the job or rollout that it began is stopped."""
    with connect(server, identity) as client:
        found = of(client).switch_off_policy(model)
    show.emit(found, as_json, lambda: rollout_view.describe_policy(found))
