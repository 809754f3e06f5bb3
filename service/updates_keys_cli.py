"""``slipway-server updates``: who signs. Keys are made, roles are given to them, renewed and passed on."""

import json
from pathlib import Path
from typing import Annotated

import typer

from service.updates_options import Data, DraftFolder, KeyFiles, Keys, Model
from service.updates_orders import config_of, finish, key_of, now, open_desk
from service.world_cli import SETTINGS, Json

app = typer.Typer(context_settings=SETTINGS)


@app.command(epilog="Example: slipway-server updates init --data ./slipway-data --keys ./keys")
def init(
    keys: Annotated[Path, typer.Option("--keys", file_okay=False, help="Folder to make; all keys go there.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make every key of a small installation and a repository that has signed nothing yet."""
    from service.trust import desk, keyring

    try:
        desk.small(config_of(data), keys, now())
    except FileExistsError as error:
        raise typer.BadParameter(f"{error.filename} is there already; a key is never overwritten.") from error
    settings = {f"SLIPWAY_SERVER_TRUST_{name.upper()}_KEY": str(key_of(keys, name)) for name in keyring.SERVER}
    found = {
        "root": str((keys / desk.ROOT_FILE).absolute()),
        "offline_keys": [str(key_of(keys, name)) for name in keyring.OFFLINE],
        "settings": settings,
    }
    if as_json:
        print(json.dumps(found))
        return
    print(f"Devices get {found['root']} when they enrol; those without a certificate are given it with --root.")
    print("These keys stay with the server, which is told where they are:")
    for name, path in settings.items():
        print(f"  export {name}={path}")
    print("These belong offline; move them to a disk that lies in a drawer, the roots apart from each other:")
    for path in found["offline_keys"]:
        print(f"  {path}")


@app.command("add-model", epilog="Example: slipway-server updates add-model rover --keys ./keys")
def add_model(
    model: Model,
    data: Data = None,
    keys: Keys = None,
    key: KeyFiles = None,
    adapter: Annotated[Path | None, typer.Option(exists=True, help="Public key of the adapter.")] = None,
    gate: Annotated[Path | None, typer.Option(exists=True, help="Public key of the gate.")] = None,
    draft: DraftFolder = None,
    as_json: Json = False,
) -> None:
    """Let adapter and gate together sign what is adapted of a model. Again with other keys, it replaces theirs."""
    from service.trust import drafts, keyring
    from slipway.spec import check_name

    desk = open_desk(data, keys, key)
    first, second = (
        keyring.public_of(path or key_of(keys, name)) for name, path in (("adapter", adapter), ("gate", gate))
    )
    finish(desk, drafts.model(desk.state(), check_name(model, "MODEL"), first, second, now()), draft, as_json)


@app.command(epilog="Example: slipway-server updates renew targets --keys ./keys")
def renew(
    roles: Annotated[
        list[str] | None,
        typer.Argument(metavar="ROLE", help='"root", "targets" or "adapters/<model>"; none: freshness.'),
    ] = None,
    data: Data = None,
    keys: Keys = None,
    key: KeyFiles = None,
    draft: DraftFolder = None,
    as_json: Json = False,
) -> None:
    """Sign roles anew with the same content; without a role, a snapshot and a timestamp, as the server does daily."""
    from service.trust import drafts

    desk = open_desk(data, keys, key)
    state = desk.state()
    found = {name: each for role in roles or [] for name, each in drafts.renew(state, role, now()).items()}
    finish(desk, found, draft, as_json)


@app.command(epilog="Example: slipway-server updates rotate timestamp --new ./keys/timestamp-2.pem --keys ./keys")
def rotate(
    role: Annotated[str, typer.Argument(metavar="ROLE", help="root, targets, snapshot or timestamp.")],
    new: Annotated[
        list[Path], typer.Option("--new", dir_okay=False, help="A key file, made if missing, or a .pub.json; each.")
    ],
    data: Data = None,
    keys: Keys = None,
    key: KeyFiles = None,
    threshold: Annotated[int, typer.Option(min=1, help="How many of them have to sign.")] = 1,
    forget_time: Annotated[
        bool, typer.Option("--forget-time", help="A timestamp key was stolen: devices forget the time it told.")
    ] = False,
    draft: DraftFolder = None,
    as_json: Json = False,
) -> None:
    """Give a role other keys. Needs root keys: enough of the old root's, and of the new one's."""
    from service.trust import drafts, keyring
    from service.trust import keys as key_files

    for path in new:
        if not path.exists():
            key_files.generate(path)
    private = [path for path in new if path.suffix == keyring.SUFFIX]
    desk = open_desk(data, keys, [*(key or ()), *private])
    public = [keyring.public_of(path) for path in new]
    found = drafts.rotate(desk.state(), role, public, threshold, now(), forget_time=forget_time)
    finish(desk, found, draft, as_json)
