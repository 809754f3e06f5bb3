"""``slipway rollout``: versions on their way to a fleet."""

from typing import TYPE_CHECKING, Annotated

import typer

from slipway.cli import rollout_view, show
from slipway.cli.options import DEFAULT_SERVER, IdentityFolder, Json, Server, connect, example, group
from slipway.errors import Reason, Refused

if TYPE_CHECKING:
    from slipway.client import Client
    from slipway.client.rollouts import Rollouts

app = group("Versions on their way to a fleet: a few devices first, more while it does well there.")

RolloutName = Annotated[str, typer.Argument(metavar="ROLLOUT", help='Such as "rover/3" or "models/rover/rollouts/3".')]
Stages = Annotated[str, typer.Option(metavar="SHARES", help='Shares of the fleet; default "0.05,0.25,1".')]
Loss = Annotated[float | None, typer.Option(help="Loss of quality that is borne; default 0.03.")]
Slower = Annotated[float | None, typer.Option(help="How many times as long an answer may take; default 1.5.")]
Exceptions = Annotated[float | None, typer.Option(help="Share in which it may be slower, or fail; default 0.1.")]
Error = Annotated[float | None, typer.Option(help="Chance of a wrong decision; default 0.005.")]
Reports = Annotated[int | None, typer.Option(help="Reports that a stage takes at least; default 20.")]
Devices = Annotated[int | None, typer.Option(help="Devices that a stage takes at least; default 3.")]


@app.command(epilog=example("rollout start rover/7 --stages 0.1,0.5,1"))
def start(
    version: Annotated[str, typer.Argument(metavar="VERSION", help='Such as "rover/7".')],
    channel: Annotated[str, typer.Option(help="Channel that is to move.")] = "stable",
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
    """Begin to bring a version to a channel's devices. One that is under way there is superseded."""
    from slipway.client.rollouts import plan

    limits = {"loss": loss, "slower": slower, "exceptions": exceptions, "error": error}
    counts = {"report_count": reports, "device_count": devices}
    with connect(server, identity) as client:
        found = of(client).start(version, channel=channel, plan=plan(shares(stages), **limits, **counts))
    show.emit(found, as_json, lambda: rollout_view.describe(found))


@app.command("show", epilog=example("rollout show rover/3"))
def show_(
    name: RolloutName, server: Server = DEFAULT_SERVER, identity: IdentityFolder = "", as_json: Json = False
) -> None:
    """Show how far a rollout has come, and what speaks for and against its version."""
    with connect(server, identity) as client:
        found = of(client).get(name)
    show.emit(found, as_json, lambda: rollout_view.describe(found))


@app.command("list", epilog=example("rollout list rover"))
def list_(
    model: Annotated[str, typer.Argument(metavar="MODEL", help='Such as "rover".')],
    server: Server = DEFAULT_SERVER,
    identity: IdentityFolder = "",
    as_json: Json = False,
) -> None:
    """List a model's rollouts, newest first."""
    with connect(server, identity) as client:
        found = list(of(client).list(model))
    show.emit(found, as_json, lambda: rollout_view.listed(found))


@app.command(epilog=example("rollout pause rover/3"))
def pause(
    name: RolloutName, server: Server = DEFAULT_SERVER, identity: IdentityFolder = "", as_json: Json = False
) -> None:
    """Give the candidate to nobody else, and decide nothing, until it is resumed."""
    with connect(server, identity) as client:
        found = of(client).pause(name)
    show.emit(found, as_json, lambda: rollout_view.describe(found))


@app.command(epilog=example("rollout resume rover/3"))
def resume(
    name: RolloutName, server: Server = DEFAULT_SERVER, identity: IdentityFolder = "", as_json: Json = False
) -> None:
    """Let a paused rollout go on."""
    with connect(server, identity) as client:
        found = of(client).resume(name)
    show.emit(found, as_json, lambda: rollout_view.describe(found))


@app.command(epilog=example('rollout abort rover/3 --reason "the field team asked"'))
def abort(
    name: RolloutName,
    reason: Annotated[str, typer.Option(help="Why, for those who read it later.")] = "",
    server: Server = DEFAULT_SERVER,
    identity: IdentityFolder = "",
    as_json: Json = False,
) -> None:
    """End a rollout; devices that have the candidate go back to what the channel points at."""
    with connect(server, identity) as client:
        found = of(client).abort(name, reason)
    show.emit(found, as_json, lambda: rollout_view.describe(found))


def of(client: "Client") -> "Rollouts":
    """The client's calls about rollouts."""
    from slipway.client.rollouts import Rollouts

    return Rollouts(client.channel, client.address)


def shares(text: str) -> tuple[float, ...]:
    """The numbers of "0.05,0.25,1".

    Raises:
        Refused: FIELD_INVALID.
    """
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        words = {"problem": "needs numbers with commas between", "found": repr(text)}
        remedy = 'Write growing shares up to 1, such as "0.05,0.25,1".'
        raise Refused(Reason.FIELD_INVALID, field="stages", **words, remedy=remedy) from None
