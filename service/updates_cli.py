"""``slipway-server updates``: who signs what devices install. Loads what signs only when a command runs.

Each command that changes what is signed makes drafts, signs them with the keys at hand and publishes them; with
``--draft FOLDER`` it only writes the drafts, for ``updates sign`` where the keys are, and then ``updates publish``.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from service.updates_orders import config_of, finish, key_of, lines, now, open_desk, summary, tell
from service.world_cli import SETTINGS, Json

app = typer.Typer(
    help="Signed updates: keys, who may sign what, and what is signed.", no_args_is_help=True, context_settings=SETTINGS
)

Data = Annotated[Path | None, typer.Option("--data", file_okay=False, help="The server's data folder.")]
Keys = Annotated[
    Path | None,
    typer.Option("--keys", envvar="SLIPWAY_KEYS", exists=True, file_okay=False, help="Folder of the keys at hand."),
]
KeyFiles = Annotated[
    list[Path] | None, typer.Option("--key", exists=True, dir_okay=False, help="Another key file; may be repeated.")
]
DraftFolder = Annotated[
    Path | None, typer.Option("--draft", file_okay=False, help="Only write what is to be signed into this folder.")
]
Model = Annotated[str, typer.Argument(metavar="MODEL", help='Such as "rover".')]
Versions = Annotated[list[int], typer.Argument(metavar="VERSION", min=1, help="Such as 3; may be several.")]
Files = Annotated[list[Path], typer.Argument(metavar="DRAFT", exists=True, dir_okay=False, help="Files of --draft.")]


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
    print(f"Devices are given {found['root']}.")
    print("These keys stay with the server, which is told where they are:")
    for name, path in settings.items():
        print(f"  export {name}={path}")
    print("These belong offline; move them to a disk that lies in a drawer, the roots apart from each other:")
    for path in found["offline_keys"]:
        print(f"  {path}")


@app.command("sign-base", epilog="Example: slipway-server updates sign-base rover 1 --keys ./keys")
def sign_base(
    model: Model,
    versions: Versions,
    data: Data = None,
    keys: Keys = None,
    key: KeyFiles = None,
    draft: DraftFolder = None,
    as_json: Json = False,
) -> None:
    """Sign versions with the key of the base models, whoever made them: devices install what is signed."""
    from service.trust import drafts

    desk = open_desk(data, keys, key)
    state = desk.state()
    news = desk.versions([f"models/{model}/versions/{number}" for number in versions], state)
    finish(desk, drafts.base(state, news, now()), draft, as_json)


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


@app.command("take-back", epilog="Example: slipway-server updates take-back rover 3 --keys ./keys")
def take_back(
    model: Model,
    versions: Versions,
    data: Data = None,
    keys: Keys = None,
    key: KeyFiles = None,
    draft: DraftFolder = None,
    as_json: Json = False,
) -> None:
    """Never sign versions again. Adapted ones leave the metadata at once where a server runs; base ones need a key."""
    from tuf.api.metadata import Targets

    from service.trust import drafts

    desk = open_desk(data, keys, key)
    wanted = [f"models/{model}/versions/{number}" for number in versions]
    desk.place.take_back(wanted)
    found = drafts.take_back(desk.state(), wanted, now())
    adapted = [role for role in found if role != Targets.type and not draft and not desk.can_sign(role)]
    orders = {role: each for role, each in found.items() if role not in adapted}
    if adapted or not orders:  # the running server's own keys do it
        tell({"taken_back": wanted}, f"ordered: {', '.join(wanted)}; a running server takes them out", as_json)
    if orders:
        finish(desk, orders, draft, as_json)


@app.command(epilog="Example: slipway-server updates sign drafts/targets.json --key ./targets.pem")
def sign(files: Files, keys: Keys = None, key: KeyFiles = None, as_json: Json = False) -> None:
    """Add the signatures of the keys at hand to drafts. Needs no server; says what it signs."""
    from service.trust import drafts, keyring
    from service.trust import roles as values

    held = keyring.ring(keys, key or ())
    found = {role: values.sign(each, *held.values()) for role, each in drafts.read(files).items()}
    for path, each in zip(files, found.values(), strict=True):
        path.write_bytes(each.to_bytes())
    tell({"signed": [summary(role, each) for role, each in found.items()]}, lines(found), as_json)


@app.command(epilog="Example: slipway-server updates publish drafts/targets.json --keys ./keys")
def publish(files: Files, data: Data = None, keys: Keys = None, key: KeyFiles = None, as_json: Json = False) -> None:
    """Publish signed drafts together. What a device would refuse is not published."""
    from service.trust import drafts

    desk, found = open_desk(data, keys, key), drafts.read(files)
    desk.publish(found, now())
    tell({"published": [summary(role, each) for role, each in found.items()]}, lines(found), as_json)


@app.command(epilog="Example: slipway-server updates offline --version rover/1 --output update.zip --keys ./keys")
def offline(
    versions: Annotated[list[str], typer.Option("--version", metavar="MODEL/VERSION", help="May be repeated.")],
    output: Annotated[Path, typer.Option("--output", "-o", dir_okay=False, help="Where to write it.")],
    data: Data = None,
    keys: Keys = None,
    key: KeyFiles = None,
    days: Annotated[float, typer.Option(min=0.01, max=366, help="How long the file is good for, at most.")] = 60.0,
    as_json: Json = False,
) -> None:
    """Write one file that brings versions to devices without a network."""
    wanted = ["models/{}/versions/{}".format(*each.rpartition("/")[::2]) for each in versions]
    desk = open_desk(data, keys, key)
    state = desk.carry(output, wanted, days, now())
    ends = min(each.signed.expires for each in (state.timestamp, state.snapshot, *state.targets.values()) if each)
    size = output.stat().st_size
    value = {"file": str(output), "size_bytes": size, "versions": wanted, "expires": f"{ends:%Y-%m-%dT%H:%M:%SZ}"}
    tell(value, f"{output}: {size:,} bytes, good until {ends:%Y-%m-%d %H:%M} UTC or longer", as_json)


@app.command(epilog="Example: slipway-server updates show --data ./slipway-data --json")
def show(data: Data = None, as_json: Json = False) -> None:
    """Show every role: its version, until when it holds, who signs it, and what it has signed."""
    from service.trust.overview import overview

    desk = open_desk(data, None, None)
    found = overview(desk.state(), desk.place.taken_back())
    if as_json:
        print(json.dumps(found))
        return
    for row in found["roles"]:
        print(
            f"{row['role']:<20} version {row['version']:<5} until {row['expires']}  {row['threshold']} of {row['keys']}"
        )
        for each in row["versions"]:
            print(f"  {each['version']:<40} serial {each['serial']:<5} {each['size_bytes']:>12,} bytes")
    for version in found["taken_back"]:
        print(f"taken back: {version}")
