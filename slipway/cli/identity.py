"""``slipway identity``: who this machine is to a server, and who may be whom."""

import re
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slipway.cli import show
from slipway.cli.options import DEFAULT_SERVER, IdentityFolder, Json, Server, connect, example, group
from slipway.errors import Reason, Refused

if TYPE_CHECKING:
    from slipway.identity.request import Owner

app = group("Certificates: get one, renew it, and let others get one.")

Folder = Annotated[
    Path, typer.Option("--folder", envvar="SLIPWAY_IDENTITY", file_okay=False, help="Folder of the identity.")
]
Name = Annotated[str, typer.Argument(metavar="ID", help='Such as "rover-7"; a device\'s is the id it reports with.')]
DEFAULT_FOLDER = Path("slipway-identity")
TTL = re.compile(r"([1-9][0-9]{0,6})([smhd])")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class RoleName(StrEnum):
    """Roles as people type them."""

    ADMIN = "admin"
    OPERATOR = "operator"
    CLIENT = "client"
    DEVICE = "device"
    GATEWAY = "gateway"


@app.command(epilog=example("identity enrol --server 192.0.2.7:8472 --folder /etc/slipway < token.txt"))
def enrol(
    token: Annotated[
        str, typer.Option("--token", envvar="SLIPWAY_TOKEN", help='As it was printed; "-" reads it from stdin.')
    ] = "-",
    server: Annotated[
        str, typer.Option("--server", metavar="HOST:PORT", help="The server's enrolment address.")
    ] = "127.0.0.1:8472",
    folder: Folder = DEFAULT_FOLDER,
    name: Annotated[
        list[str] | None, typer.Option("--name", metavar="HOST", help="Of a gateway: how its devices reach it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Trade a token for a certificate. The key is made here and stays here."""
    from slipway.identity.enrol import enrol

    secret = sys.stdin.readline() if token == "-" else token
    _tell(enrol(server, secret, folder, name or ()), folder, as_json)


@app.command("show", epilog=example("identity show --folder /etc/slipway"))
def show_(folder: Folder = DEFAULT_FOLDER, as_json: Json = False) -> None:
    """Show whose certificate is in a folder, and until when it holds. Asks no server."""
    from slipway.identity.folder import load
    from slipway.identity.request import read_owner

    _tell(read_owner(load(folder).certificate), folder, as_json)


@app.command(epilog=example("identity renew --server 192.0.2.7:8471 --folder /etc/slipway --if-due"))
def renew(
    server: Server = DEFAULT_SERVER,
    folder: Folder = DEFAULT_FOLDER,
    if_due: Annotated[bool, typer.Option("--if-due", help="Only when two thirds of its time have passed.")] = False,
    as_json: Json = False,
) -> None:
    """Get the next certificate while the one at hand still holds."""
    from slipway.identity import enrol
    from slipway.identity.folder import load
    from slipway.identity.request import read_owner

    done = enrol.renew_if_due(server, folder) if if_due else enrol.renew(server, folder)
    _tell(done or read_owner(load(folder).certificate), folder, as_json)


@app.command(epilog=example("identity token rover-7 --role device --ttl 2h"))
def token(
    name: Name,
    role: Annotated[RoleName, typer.Option(help="What the certificate will allow.")] = RoleName.DEVICE,
    ttl: Annotated[str, typer.Option(metavar="30m|2h|7d", help="How long the token may be used.")] = "1h",
    server: Server = DEFAULT_SERVER,
    identity: IdentityFolder = "",
    as_json: Json = False,
) -> None:
    """Make a token that enrols one id, once. It is printed here and nowhere else."""
    from slipway.identity import people

    match = TTL.fullmatch(ttl)
    if match is None:
        remedy = "Write a whole number and s, m, h or d."
        raise Refused(Reason.FIELD_INVALID, field="ttl", problem="no length of time", found=repr(ttl), remedy=remedy)
    seconds = int(match[1]) * SECONDS[match[2]]
    with connect(server, identity) as client:
        made = people.create_token(client.channel, server, name, role.name, seconds)
    show.emit(made, as_json, lambda: print(made.token))


@app.command("list", epilog=example("identity list"))
def list_(server: Server = DEFAULT_SERVER, identity: IdentityFolder = "", as_json: Json = False) -> None:
    """List the identities that the server knows."""
    from slipway.identity import people

    with connect(server, identity) as client:
        found = list(people.everybody(client.channel, server))
    rows = (
        (known.name, known.role.lower(), known.state.lower(), f"{known.expire_time:%Y-%m-%d}", known.serial_number)
        for known in found
    )
    columns = ("identity", "role", "state", "until", "serial")
    show.emit(found, as_json, lambda: show.table(columns, rows, "Nobody has a certificate."))


@app.command(epilog=example("identity revoke rover-7"))
def revoke(name: Name, server: Server = DEFAULT_SERVER, identity: IdentityFolder = "", as_json: Json = False) -> None:
    """Take an identity's certificates back, at once and for good; a new token can enrol the id again."""
    from slipway.identity import people

    with connect(server, identity) as client:
        done = people.revoke(client.channel, server, name)
    show.emit(done, as_json, lambda: show.console().print(f"revoked {done.name}"))


def _tell(owner: "Owner", folder: Path, as_json: bool) -> None:
    pairs = [
        ("role", owner.role.lower()),
        ("until", f"{owner.end:%Y-%m-%d %H:%M} UTC"),
        ("serial", owner.serial_number),
        ("folder", str(folder)),
    ]
    show.emit({**show.plain(owner), "folder": str(folder)}, as_json, lambda: show.facts(owner.id, pairs))
