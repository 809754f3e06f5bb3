"""The load generator of ``benchmarks.watchers``: devices that watch one channel, each over a connection of its own.

``python -m benchmarks._watcher_load ADDRESS --first 0 --count 5000`` obeys lines on its standard input and answers each
with one JSON line:

    heard SERIAL   wait until every device has the hint; when each had it
    pend VERSION   every device has a report to deliver, and tries to from the next break of its line on
    back           wait until every device watches again and its report is there; when that was, and attempts in all

Times are seconds of the monotonic clock, which all processes of a machine share. A device pauses as
``slipway.edge.pauses`` and gRPC's channels do, on an event loop in place of threads.
"""

import argparse
import asyncio
import gc
import json
import random
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

from benchmarks._watcher_wire import WATCH_STREAM, Wire, call, headers
from slipway import spread
from slipway.edge.pauses import RETRY_LIMIT_S
from slipway.transport import CALL_DEADLINE_S
from slipway.v1 import updates_pb2 as pb

MODEL = "models/rover"
SERVICE = "/slipway.v1.Updates"
RAMP_S = 20.0  # devices do not start in one moment
LOOK_S = 0.02
CHANNEL_PAUSE_S, CHANNEL_PAUSE_LIMIT_S, CHANNEL_GROWTH = 0.2, 5.0, 1.6  # slipway.transport.OPTIONS, gRPC's growth
AWAY = (OSError, TimeoutError)


class Device:
    """What one device does.

    Args:
        name: of the device.
        address: "host:port".
        draw: its random numbers.
    """

    def __init__(self, name: str, address: str, draw: random.Random) -> None:
        self.name = name
        self.serial, self.heard_s = -1, 0.0
        self.report = ""  # version to report as installed
        self.delivered_s = 0.0
        self.attempts = 0
        self._host, _, self._port = address.rpartition(":")
        self._headers = {
            method: headers(f"{SERVICE}/{method}", address)
            for method in ("WatchUpdates", "GetMetadata", "ReportStatus")
        }
        self._draw = draw
        self._wire: Wire | None = None
        self._not_before, self._connects = 0.0, 0
        self._spread_s = 0.0
        self._hint, self._broken = asyncio.Event(), asyncio.Event()

    async def run(self) -> None:
        """Watch, ask and report until cancelled."""
        await asyncio.sleep(RAMP_S * self._draw.random())
        await asyncio.gather(self._listen(), self._keep_up())

    async def deliver(self) -> None:
        """Report when the line has broken, again and again until the server has it."""
        await self._broken.wait()
        await self._retrying(self._report)

    async def _listen(self) -> None:
        while True:
            self._broken.clear()
            await self._retrying(self._connect)
            await self._broken.wait()
            await asyncio.sleep(RETRY_LIMIT_S * self._draw.random())

    async def _keep_up(self) -> None:
        while True:
            await self._hint.wait()
            await asyncio.sleep(self._spread_s)
            self._hint.clear()
            await self._retrying(self._ask)

    def state(self) -> str:
        """What it does, in words."""
        line = "no line" if self._wire is None else "a line"
        return f"{line}, {'a report to deliver' if self.report else 'no report'}, {self.attempts} attempts"

    async def _connect(self) -> None:
        """Connect and watch, unless the channel rests from an earlier attempt."""
        if self._wire is not None:
            return
        if monotonic() < self._not_before:
            raise ConnectionError
        rest = min(CHANNEL_PAUSE_LIMIT_S, CHANNEL_PAUSE_S * CHANNEL_GROWTH**self._connects)
        self._not_before = monotonic() + rest * self._draw.uniform(0.8, 1.2)
        self._connects += 1
        request = pb.WatchUpdatesRequest(model=MODEL).SerializeToString()
        watch = call(WATCH_STREAM, self._headers["WatchUpdates"], request)
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CALL_DEADLINE_S):
            _, wire = await loop.create_connection(
                lambda: Wire(watch, self._heard, self._lost), self._host, int(self._port)
            )
        if wire.closed:  # lost again before anybody had it
            raise ConnectionError
        self._wire = wire

    async def _ask(self) -> None:
        await self._call("GetMetadata", pb.GetMetadataRequest(model=MODEL, device_id=self.name))

    async def _report(self) -> None:
        self.attempts += 1
        await self._connect()
        installed = pb.ReportStatusRequest.INSTALLED
        report = pb.ReportStatusRequest(device_id=self.name, version=self.report, state=installed)
        await self._call("ReportStatus", report)
        self.delivered_s, self.report = monotonic(), ""

    async def _call(self, method: str, request: Any) -> None:
        if self._wire is None:
            raise ConnectionError
        async with asyncio.timeout(CALL_DEADLINE_S):
            await self._wire.ask(self._headers[method], request.SerializeToString())

    def _heard(self, message: bytes) -> None:
        hint = pb.WatchUpdatesResponse.FromString(message)
        self.serial, self.heard_s = hint.serial, monotonic()
        is_first = self._connects > 0  # of a line: no pause
        self._spread_s = 0.0 if is_first else spread.seconds(hint.spread) * self._draw.random()
        self._connects = 0
        self._hint.set()

    def _lost(self) -> None:
        self._wire = None
        self._broken.set()

    async def _retrying(self, work: Callable[[], Awaitable[None]]) -> None:
        """Repeat with the pauses of ``tenacity.wait_random_exponential(1, RETRY_LIMIT_S)``."""
        limit_s = 1.0
        while True:
            try:
                return await work()
            except AWAY:
                await asyncio.sleep(self._draw.uniform(0.0, min(limit_s, RETRY_LIMIT_S)))
                limit_s *= 2.0


class Fleet:
    """Devices in one process, and the answers to the lines that it obeys."""

    def __init__(self, address: str, first: int, count: int) -> None:
        self.devices = [Device(f"device-{n}", address, random.Random(n)) for n in range(first, first + count)]
        self.tasks: list[asyncio.Task[None]] = []
        self._pend_s = 0.0

    def start(self) -> None:
        """Let the devices live."""
        self.tasks += [asyncio.create_task(each.run()) for each in self.devices]
        gc.freeze()  # to look through all devices again and again would be the clients' pause, not the server's

    async def obey(self, line: str) -> dict[str, Any]:
        """Do what a line says; the answer."""
        order, _, value = line.strip().partition(" ")
        if order == "heard":
            await self._until(lambda: all(each.serial >= int(value) for each in self.devices))
            return {"times": [each.heard_s for each in self.devices]}
        if order == "pend":
            self._pend_s = monotonic()
            for each in self.devices:
                each.report, each.attempts = value, 0
                self.tasks.append(asyncio.create_task(each.deliver()))
            return {}
        if order == "back":
            await self._until(lambda: not self.missing())
            times = [max(each.delivered_s, each.heard_s) for each in self.devices]
            return {"times": times, "attempts": sum(each.attempts for each in self.devices)}
        raise SystemExit(f"cannot {line!r}")

    def missing(self) -> list[Device]:
        """Devices that do not watch again, or whose report did not arrive."""
        return [each for each in self.devices if each.report or each.heard_s <= self._pend_s]

    async def _until(self, true: Callable[[], bool]) -> None:
        while not true():
            for task in self.tasks:
                if task.done():
                    task.result()  # a device that ended by an error is an error of this program
            await asyncio.sleep(LOOK_S)


async def serve(fleet: Fleet, limit_s: float) -> None:
    """Obey until the input ends; no answer may take longer than ``limit_s``."""
    fleet.start()
    while line := await asyncio.to_thread(sys.stdin.readline):
        try:
            print(json.dumps(await asyncio.wait_for(fleet.obey(line), limit_s)), flush=True)
        except TimeoutError:
            states = Counter(each.state() for each in fleet.missing())
            raise SystemExit(f"{line.strip()}: after {limit_s:.0f} s are missing {dict(states)}") from None
    for task in fleet.tasks:
        task.cancel()


def main() -> None:
    """Obey until the input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60.0, help="the longest wait")
    given = parser.parse_args()
    asyncio.run(serve(Fleet(given.address, given.first, given.count), given.seconds))


if __name__ == "__main__":
    main()
