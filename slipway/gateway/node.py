"""Puts a gateway together, runs it and stops it in good order."""

import asyncio
import fcntl
import logging
import random
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc

from slipway.errors import Reason, Refused
from slipway.gateway.certificate import renewed, to_devices
from slipway.gateway.collecting import Collecting
from slipway.gateway.courier import Courier
from slipway.gateway.files import Files
from slipway.gateway.hints import Hints
from slipway.gateway.ledger import Ledger
from slipway.gateway.policy import Limits, Policy
from slipway.gateway.targets import Targets
from slipway.gateway.updates import Updates
from slipway.gateway.upstream import Upstream
from slipway.identity.folder import credentials
from slipway.transport import MESSAGE_LIMIT_BYTES
from slipway.v1 import datasets_pb2_grpc, updates_pb2_grpc

THREADS = 16
DRAIN_S = 2.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Setup:
    """What a gateway is started with.

    Args:
        server: address of the server, "host:port".
        listen: address for devices; port 0 lets the system choose.
        folder: what it keeps.
        policy: what leaves the site.
        limits: how much it keeps.
        identity: folder of its certificate; "none" speaks in the clear, and so does "" on this machine alone.
    """

    server: str
    listen: str
    folder: Path
    policy: Policy = field(default_factory=Policy)
    limits: Limits = field(default_factory=Limits)
    identity: str = ""


def run(setup: Setup, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        announce: called with the address once devices are answered.

    Raises:
        Refused: DATA_FOLDER_BUSY or ADDRESS_UNUSABLE.
    """
    asyncio.run(_run(setup, announce))


async def _first_of(*waits: Coroutine[Any, Any, object]) -> None:
    tasks = [asyncio.create_task(wait) for wait in waits]
    _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()


async def _run(setup: Setup, announce: Callable[[str], None]) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    while not stop.is_set():  # once for each certificate
        async with serving(setup) as address:
            announce(address)
            setup = replace(setup, listen=address)
            await _first_of(stop.wait(), renewed(setup.server, setup.identity))


@asynccontextmanager
async def serving(setup: Setup) -> AsyncIterator[str]:
    """A gateway that answers while inside; gives its address.

    Raises:
        Refused: as ``run``.
    """
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, "gateway"))
    with _only(setup.folder):
        ledger = Ledger(setup.folder / "gateway.sqlite")
        upstream = Upstream(setup.server, credentials(setup.server, setup.identity))
        courier = Courier(ledger, upstream, setup.policy, random.random)
        limits = setup.limits
        targets = Targets(
            setup.folder / "targets",
            upstream.pieces,
            limit_bytes=limits.target_bytes,
            fetch_count=limits.fetch_count,
        )
        files = Files(ledger, upstream.file, _now_us, limits.file_bytes)
        hints = Hints(upstream.hints, random.random, limits.watch_count, files.ask_anew)
        updates = Updates(ledger, upstream, targets, files, hints, limits, courier.wake, _now_us)
        server = grpc.aio.server(options=_options(), maximum_concurrent_rpcs=limits.call_count)
        updates_pb2_grpc.add_UpdatesServicer_to_server(updates, server)
        datasets_pb2_grpc.add_DatasetsServicer_to_server(Collecting(ledger, setup.policy, limits, _now_us), server)
        address = _listen(server, setup)
        await server.start()
        carrying = asyncio.create_task(courier.run())
        try:
            yield address
        finally:
            await server.stop(DRAIN_S)
            carrying.cancel()
            await hints.close()
            await upstream.close()  # ends what threads wait for
            await targets.close()
            with suppress(asyncio.CancelledError):
                await carrying
            ledger.close()


def _listen(server: grpc.aio.Server, setup: Setup) -> str:
    try:
        shown = to_devices(setup.listen, setup.identity)
        port = server.add_secure_port(setup.listen, shown) if shown else server.add_insecure_port(setup.listen)
    except RuntimeError:
        port = 0
    if not port:
        raise Refused(Reason.ADDRESS_UNUSABLE, field="listen", found=setup.listen)
    return f"{setup.listen.rpartition(':')[0]}:{port}"


def _options() -> list[tuple[str, int]]:
    return [
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", MESSAGE_LIMIT_BYTES),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 20_000),
        ("grpc.http2.max_ping_strikes", 5),
    ]


@contextmanager
def _only(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refused(Reason.DATA_FOLDER_BUSY, field="folder", name=folder) from error
        yield


def _now_us() -> int:
    return time.time_ns() // 1000
