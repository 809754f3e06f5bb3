"""``slipway edge``: the device's side. Runs without rich, so that little memory is used."""

import json
import random
import sys
from pathlib import Path
from typing import Annotated

import typer

from slipway.cli import edge_options as options
from slipway.cli.edge_options import DEFAULT_FOLDER, ChannelName, Device, Folder, Input, ModelName, Patience, Root
from slipway.cli.edge_place import Place, installer_at, renewal_of
from slipway.cli.edge_run import answer_lines, run_on, run_once
from slipway.cli.edge_view import print_state, teller
from slipway.cli.options import DEFAULT_SERVER, IdentityFolder, Json, Server, example, group
from slipway.errors import Refused

app = group("Keeps a verified model running on a device, with a server in reach or without one.")


@app.command(epilog=example("edge run --server 192.0.2.7:8471 --model rover --input - < windows.ndjson"))
def run(
    model: ModelName,
    server: Server = DEFAULT_SERVER,
    identity: IdentityFolder = "",
    channel: ChannelName = "stable",
    folder: Folder = DEFAULT_FOLDER,
    input: Input = "",
    once: Annotated[bool, typer.Option("--once", help="Ask for an update once, at the start, then no more.")] = False,
    device: Device = "",
    root: Root = None,
    poll: options.Poll = 600.0,
    patience: Patience = 5.0,
    report_every: options.ReportEvery = 60.0,
    renew_at: options.RenewAt = "",
    trial: options.TrialWindows = 50,
    keep_windows: options.KeepWindows = 0.0,
    keep_per_hour: options.PerHour = 0,
    share: options.Share = "nothing",
    dataset: options.Dataset = "",
    share_every: options.ShareEvery = 1.0,
    share_mb: options.ShareMB = 16.0,
    share_drift: options.ShareDrift = 1.0,
    as_json: Json = False,
) -> None:
    """Run the newest version: answer windows, follow the channel, and go on when the server is away.

    Answers go to stdout, one JSON object a line; events go to stderr. Without --input it runs until it is stopped.
    """
    place = Place(folder, server, identity, model, channel, device, root, as_json, renew_at)
    with installer_at(place) as installer:
        from slipway.edge.health import Limits

        limits = Limits(windows=trial)
        if once:
            run_once(installer, input, patience, as_json, limits)
            return
        from slipway.edge.agent import Agent
        from slipway.edge.observer import Observer
        from slipway.edge.remote import Remote
        from slipway.edge.sharing import NOTHING, WINDOWS, Keep, Sharing

        sharing = Sharing(share, dataset, share_every * 3600, share_drift, int(share_mb * 1e6))
        kept = keep_windows or (16.0 if share == WINDOWS else 0.0)
        keep = Keep(int(kept * 1e6), hourly=keep_per_hour) if kept else None
        observer = Observer(folder, keep=keep, sharing=sharing, random=random.random, tell=installer.tell)
        remote = installer.remote
        assert isinstance(remote, Remote)
        agent = Agent(
            installer,
            random=random.random,
            poll_s=poll,
            report_s=report_every,
            observer=observer,
            datasets=None if share == NOTHING else remote.datasets,
            limits=limits,
            renewal=renewal_of(place, remote, installer),
        )
        run_on(agent, input)


@app.command("install-once", epilog=example("edge install-once --server 192.0.2.7:8471 --model rover"))
def install_once(
    model: ModelName,
    server: Server = DEFAULT_SERVER,
    identity: IdentityFolder = "",
    channel: ChannelName = "stable",
    folder: Folder = DEFAULT_FOLDER,
    device: Device = "",
    root: Root = None,
    patience: Patience = 5.0,
    as_json: Json = False,
) -> None:
    """Install what the channel points at, and end. Fails if that cannot be done; what was installed stays."""
    from slipway.edge.once import once

    with installer_at(Place(folder, server, identity, model, channel, device, root, as_json)) as installer:
        once(installer, patience)
        print_state(installer.store.folder, as_json)


@app.command("install-file", epilog=example("edge install-file update.zip --model rover --folder slipway-edge"))
def install_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="As `updates offline` wrote it.")],
    model: ModelName,
    version: Annotated[
        str, typer.Option("--version", metavar="NUMBER", help="One of those in it; else the newest.")
    ] = "",
    channel: ChannelName = "stable",
    folder: Folder = DEFAULT_FOLDER,
    root: Root = None,
    device: Device = "",
    as_json: Json = False,
) -> None:
    """Install from a file, without a server. The device has to know a root: --root at the first time."""
    from slipway.edge.memory import be_lean

    be_lean()
    from slipway.edge.pinned import need_trust

    need_trust()
    from slipway.edge.carried import install_offline
    from slipway.edge.install import Installer, Trust
    from slipway.edge.remote import Line
    from slipway.edge.store import Store
    from slipway.spec import check_name

    name = "models/" + check_name(model.removeprefix("models/"), "--model")
    check_name(channel, "--channel")
    store, made = Store(folder), []

    def make(line: Line, trust: Trust) -> Installer:
        made.append(
            Installer(store, line, model=name, channel=channel, tell=teller(as_json), device_id=device, trust=trust)
        )
        return made[0]

    with store.locked():
        wanted = f"{name}/versions/{version}" if version else ""
        try:
            install_offline(store, file, make, model=name, channel=channel, version=wanted, root=root)
        finally:
            for installer in made:
                installer.end()
        print_state(folder, as_json)


@app.command(epilog=example("edge status --folder slipway-edge --json"))
def status(folder: Folder = DEFAULT_FOLDER, as_json: Json = False) -> None:
    """Show what runs and since when, what runs beside it, what came before, and what was refused."""
    print_state(folder, as_json)


@app.command("forget-refusals", epilog=example("edge forget-refusals --folder slipway-edge"))
def forget_refusals(folder: Folder = DEFAULT_FOLDER, as_json: Json = False) -> None:
    """Let a device try again what it has refused. Stop its agent first."""
    from slipway.edge.moves import forgiven
    from slipway.edge.notebook import Notebook
    from slipway.edge.store import Store
    from slipway.errors import Reason

    store = Store(folder)
    if store.read() is None:
        raise Refused(Reason.NOTHING_INSTALLED, field="folder", found=folder)
    with store.locked():
        Notebook(store, teller(as_json)).move(forgiven)
    print_state(folder, as_json)


@app.command("share", epilog=example("edge share --folder slipway-edge"))
def share_now(folder: Folder = DEFAULT_FOLDER, as_json: Json = False) -> None:
    """Ask the running agent to tell the server now what it may, whatever the drift."""
    from slipway.edge.sharing import ask

    ask(folder)
    if as_json:
        print(json.dumps({"asked": str(folder)}))


@app.command(epilog=example("edge systemd --server 192.0.2.7:8471 --model rover > slipway-edge.service"))
def systemd(
    model: ModelName,
    server: Server = DEFAULT_SERVER,
    identity: IdentityFolder = "",
    channel: ChannelName = "stable",
    input: Input = "",
    renew_at: options.RenewAt = "",
    user_name: Annotated[str, typer.Option("--user-name", metavar="USER", help="Who runs it; else one is made.")] = "",
    memory: Annotated[int, typer.Option("--memory", metavar="MB", min=64, help="At most.")] = 256,
    program: Annotated[str, typer.Option("--program", metavar="PATH", help="Where slipway is installed.")] = "",
    as_json: Json = False,
) -> None:
    """Print a unit of systemd that keeps the agent running, hardened, in /var/lib/slipway-edge."""
    from slipway.edge.unit import unit
    from slipway.spec import check_name

    check_name(model.removeprefix("models/"), "--model")
    check_name(channel, "--channel")
    if user_name:
        check_name(user_name, "--user-name")
    chosen = {"--model": model, "--server": server, "--identity": identity, "--channel": channel, "--input": input}
    chosen["--renew-at"] = renew_at
    words = [word for name, value in chosen.items() if value for word in (name, value)]
    found = program or str(Path(sys.argv[0]).absolute())
    text = unit(found, words, model=model, user=user_name, memory_mb=memory)
    print(json.dumps({"unit": text}) if as_json else text, end="\n" if as_json else "")


@app.command(epilog=example("edge answer rover.slipway --input windows.ndjson"))
def answer(
    bundle: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A bundle file.")],
    input: Input = "-",
    as_json: Json = False,
) -> None:
    """Check a bundle file, run its self-test, and answer windows with it: no server, no folder, no network."""
    from slipway.bundle.archive import read_file
    from slipway.bundle.runtime import Runtime
    from slipway.edge.live import Live
    from slipway.edge.state import Installed

    runtime = Runtime(read_file(bundle))
    difference = runtime.self_test()
    manifest = runtime.bundle.manifest
    name = f"models/{manifest.model}/versions/{manifest.version}"
    teller(as_json)("checked", version=name, self_test_difference=difference)
    answer_lines(input, lambda: Live(Installed(name, "", 0), runtime))
