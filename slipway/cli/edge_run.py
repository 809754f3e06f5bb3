"""How ``slipway edge`` answers windows, with an agent or in one go, and ends well however it ends."""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

import typer

from slipway.cli.edge_view import print_state
from slipway.errors import Refused

if TYPE_CHECKING:
    from slipway.edge.agent import Agent
    from slipway.edge.answer import Watch
    from slipway.edge.health import Limits
    from slipway.edge.install import Installer
    from slipway.edge.live import Live


def run_once(installer: "Installer", input: str, patience: float, as_json: bool, limits: "Limits") -> None:
    """The update comes first; where it fails and something is installed, that answers all the same."""
    from slipway.edge.once import Batch, once
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
        batch = Batch(installer, limits)
        try:
            answer_lines(input, lambda: live, batch.monitor)
        finally:
            batch.finish()
    elif as_json:
        print_state(installer.store.folder, as_json)


def run_on(agent: "Agent", input: str) -> None:
    """Answer what comes in, or only follow the channel, until the end of ``input`` or of the agent."""

    def finish() -> None:
        agent.stop()
        agent.installer.end()

    _end_on_sigterm(finish)
    try:
        agent.start()
        if input:
            answer_lines(input, agent.live, agent.monitor)
        else:
            agent.wait()
    finally:
        agent.stop()


def answer_lines(input: str, live: "Callable[[], Live]", watch: "Watch | None" = None) -> None:
    """Answer every line of ``input`` on stdout; exit 1 at the end if a window was refused."""
    from slipway.edge.answer import UNWATCHED, answers

    refused = 0
    with _opened(input) as lines:
        for found in answers(lines, live, watch or UNWATCHED):
            refused += "error" in found
            sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
            sys.stdout.flush()
    if refused:
        raise typer.Exit(1)


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
def _opened(input: str) -> Iterator[BinaryIO]:
    if input == "-":
        yield sys.stdin.buffer
    else:
        with open(input, "rb") as file:
            yield file
