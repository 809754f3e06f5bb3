"""``slipway edge``: the device's side. Runs without rich, so that little memory is used."""

import json
import os
import random
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from slipway.cli.options import DEFAULT_SERVER, Json, Server, example, group

if TYPE_CHECKING:
    from slipway.edge.install import Installer, Live
    from slipway.edge.state import Installed

app = group("Keeps a verified model running on a device, with a server in reach or without one.")

ModelName = Annotated[str, typer.Option("--model", metavar="MODEL", help='Such as "rover".')]
ChannelName = Annotated[str, typer.Option("--channel", metavar="CHANNEL", help="The channel to follow.")]
Folder = Annotated[
    Path, typer.Option("--folder", envvar="SLIPWAY_EDGE_FOLDER", file_okay=False, help="What the device keeps.")
]
Device = Annotated[str, typer.Option("--device", metavar="ID", help="The device's id; made at the first start.")]
Input = Annotated[str, typer.Option("--input", metavar="FILE|-", help="Windows to answer, one JSON array a line.")]
Patience = Annotated[float, typer.Option("--patience", metavar="SECONDS", help="How long to wait for the server.")]
DEFAULT_FOLDER = Path("slipway-edge")


@app.command(epilog=example("edge run --server 192.0.2.7:8471 --model rover --input - < windows.ndjson"))
def run(
    model: ModelName,
    server: Server = DEFAULT_SERVER,
    channel: ChannelName = "stable",
    folder: Folder = DEFAULT_FOLDER,
    input: Input = "",
    once: Annotated[bool, typer.Option("--once", help="Ask for an update once, at the start, then no more.")] = False,
    device: Device = "",
    poll: Annotated[float, typer.Option("--poll", metavar="SECONDS", help="How often to ask without a hint.")] = 600.0,
    patience: Patience = 5.0,
    as_json: Json = False,
) -> None:
    """Run the newest version: answer windows, follow the channel, and go on when the server is away.

    Answers go to stdout, one JSON object a line; events go to stderr. Without --input it runs until it is stopped.
    """
    with _installer(folder, server, model, channel, device, as_json) as installer:
        if once:
            _run_once(installer, input, patience, as_json)
        else:
            _run_on(installer, input, poll)


@app.command("install-once", epilog=example("edge install-once --server 192.0.2.7:8471 --model rover"))
def install_once(
    model: ModelName,
    server: Server = DEFAULT_SERVER,
    channel: ChannelName = "stable",
    folder: Folder = DEFAULT_FOLDER,
    device: Device = "",
    patience: Patience = 5.0,
    as_json: Json = False,
) -> None:
    """Install what the channel points at, and end. Fails if that cannot be done; what was installed stays."""
    from slipway.edge.agent import once

    with _installer(folder, server, model, channel, device, as_json) as installer:
        once(installer, patience)
        _print_state(installer.store.folder, as_json)


@app.command(epilog=example("edge status --folder slipway-edge --json"))
def status(folder: Folder = DEFAULT_FOLDER, as_json: Json = False) -> None:
    """Show what is installed, what came before, and what was refused."""
    _print_state(folder, as_json)


@app.command(epilog=example("edge answer rover.slipway --input windows.ndjson"))
def answer(
    bundle: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A bundle file.")],
    input: Input = "-",
    as_json: Json = False,
) -> None:
    """Check a bundle file, run its self-test, and answer windows with it: no server, no folder, no network."""
    from slipway.bundle.archive import read_file
    from slipway.bundle.runtime import Runtime
    from slipway.edge.install import Live
    from slipway.edge.state import Installed

    runtime = Runtime(read_file(bundle))
    difference = runtime.self_test()
    manifest = runtime.bundle.manifest
    name = f"models/{manifest.model}/versions/{manifest.version}"
    _teller(as_json)("checked", version=name, self_test_difference=difference)
    _answer(input, lambda: Live(Installed(name, "", 0), runtime))


def _run_once(installer: "Installer", input: str, patience: float, as_json: bool) -> None:
    """The update comes first; where it fails and something is installed, that answers all the same."""
    from slipway.edge.agent import once
    from slipway.errors import Refused
    from slipway.transport import ServerRefused, ServerUnreachable

    try:
        once(installer, patience)
    except (Refused, ServerRefused, ServerUnreachable) as error:
        if installer.live is None or not input:
            raise
        installer.tell("not_updated", message=str(error))
    live = installer.live
    assert live is not None
    if input:
        _answer(input, lambda: live)
    elif as_json:
        _print_state(installer.store.folder, as_json)


def _run_on(installer: "Installer", input: str, poll: float) -> None:
    from slipway.edge.agent import Agent

    agent = Agent(installer, random=random.random, poll_s=poll)
    _end_on_sigterm(agent.stop)
    try:
        agent.start()
        if input:
            _answer(input, agent.live)
        else:
            agent.wait()
    finally:
        agent.stop()


def _end_on_sigterm(stop: Callable[[], None]) -> None:
    """End well on SIGTERM, whatever the main thread waits for.

    A handler that raises there is not enough: when the signal comes just before a blocking read, it is heard only after
    the next window. The interpreter writes the signal to a pipe at once, and a thread of its own reads it.
    """
    heard, said = os.pipe()
    os.set_blocking(said, False)
    signal.set_wakeup_fd(said, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, lambda *_: None)

    def wait() -> None:
        while signal.SIGTERM not in os.read(heard, 64):
            pass
        stop()
        os._exit(0)

    threading.Thread(target=wait, name="slipway-end", daemon=True).start()


@contextmanager
def _installer(
    folder: Path, server: str, model: str, channel: str, device: str, as_json: bool
) -> "Iterator[Installer]":
    from slipway.edge.memory import be_lean

    be_lean()  # before the next line loads NumPy
    from slipway.edge.install import Installer
    from slipway.edge.remote import Remote
    from slipway.edge.store import Store
    from slipway.spec import check_name

    name = "models/" + check_name(model.removeprefix("models/"), "--model")
    check_name(channel, "--channel")
    if device:
        check_name(device, "--device")
    store = Store(folder)
    with store.locked():
        remote = Remote(server)
        try:
            yield Installer(store, remote, model=name, channel=channel, tell=_teller(as_json), device_id=device)
        finally:
            remote.close()


def _answer(input: str, live: "Callable[[], Live]") -> None:
    """Answer every line of ``input`` on stdout; exit 1 at the end if a window was refused."""
    from slipway.edge.answer import answers

    refused = 0
    with _opened(input) as lines:
        for found in answers(lines, live):
            refused += "error" in found
            sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
            sys.stdout.flush()
    if refused:
        raise typer.Exit(1)


@contextmanager
def _opened(input: str) -> Iterator[BinaryIO]:
    if input == "-":
        yield sys.stdin.buffer
    else:
        with open(input, "rb") as file:
            yield file


def _print_state(folder: Path, as_json: bool) -> None:
    from dataclasses import asdict

    from slipway.edge.store import Store
    from slipway.errors import Reason, Refused

    store = Store(folder)
    state = store.read()
    if state is None:
        raise Refused(Reason.NOTHING_INSTALLED, field="folder", found=folder)
    if as_json:
        print(json.dumps({**asdict(state), "in_use": store.in_use()}))
        return
    rows = [
        ("device", state.device_id),
        ("agent", "running" if store.in_use() else "not running"),
        *((place, _installed(v)) for place, v in (("current", state.current), ("previous", state.previous)) if v),
        *(("base", f"{sha256[:12]}  kept for the next delta") for sha256 in (state.base,) if sha256),
        *(("channel", f"{name}, move {serial}") for name, serial in state.serials.items()),
        *(("refused", f"{sha256[:12]}  {why}") for sha256, why in state.refused.items()),
        *(("no delta", f"{sha256[:12]}  {why}") for sha256, why in state.deltas_refused.items()),
        *(("to report", f"{report.version} {report.state.lower()}") for report in state.reports),
    ]
    _print_rows(rows, sys.stdout)


def _installed(version: "Installed") -> str:
    way = f"  by a delta of {version.delta_bytes:,} bytes" if version.delta_bytes else ""
    return f"{version.version}  {version.sha256[:12]}{way}"


def _print_rows(rows: Iterable[tuple[str, str]], out: IO[str]) -> None:
    for name, value in rows:
        print(f"{name:<10} {value}", file=out)


def _teller(as_json: bool) -> Callable[..., None]:
    """Writes events to stderr: a JSON object a line, or words."""

    def tell(event: str, **values: Any) -> None:
        if as_json:
            line = json.dumps({"event": event, **values}, ensure_ascii=False)
        else:
            line = f"{event.replace('_', ' ')}: " + "  ".join(f"{v}" for v in values.values() if v not in ("", None))
        os.write(2, (line + "\n").encode())  # whole lines, also from two threads

    return tell
