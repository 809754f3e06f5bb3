"""``slipway-server updates``: who signs what devices install. Loads what signs only when a command runs.

Each command that changes what is signed makes drafts, signs them with the keys at hand and publishes them; with
``--draft FOLDER`` it only writes the drafts, for ``updates sign`` where the keys are, and then ``updates publish``.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from service import updates_keys_cli
from service.updates_options import Data, DraftFolder, Files, KeyFiles, Keys, Model, Versions
from service.updates_orders import finish, lines, now, open_desk, summary, tell
from service.world_cli import SETTINGS, Json

app = typer.Typer(
    help="Signed updates: keys, who may sign what, and what is signed.", no_args_is_help=True, context_settings=SETTINGS
)
app.add_typer(updates_keys_cli.app)


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
