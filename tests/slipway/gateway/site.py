"""A gateway that really listens, and a server above it that counts, goes away and lies as it is told."""

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc

from slipway.gateway.node import Setup, serving
from slipway.transport import open_channel
from slipway.trust.source import NotThere, Source
from slipway.v1 import datasets_pb2_grpc, updates_pb2_grpc
from slipway.v1 import updates_pb2 as pb
from tests.slipway.edge.repository import Repository

ROOT = Path(__file__).parents[3]
TIMEOUT = 20.0


class Above(Repository):
    """A server of updates, signed ones and reports; its public fields are the faults."""

    def __init__(self, signed: Source | None = None) -> None:
        super().__init__()
        self.signed = signed
        self.asked: Counter[str] = Counter()  # repository files, by name
        self.metadata_asked: list[str] = []  # device ids
        self.of_device: dict[str, pb.UpdateMetadata] = {}  # answers for the place of a device in a rollout
        self.watch_count = 0
        self.relayed: list[pb.RelayReportRequest] = []
        self.relay_refused = 0
        self.relay_refusal: tuple[grpc.StatusCode, str] | None = None
        self.arrived = threading.Condition()
        self.padding = b""  # in every repository file

    def GetMetadata(self, request: pb.GetMetadataRequest, context: Any) -> pb.UpdateMetadata:
        self.metadata_asked.append(request.device_id)
        if request.device_id in self.of_device:
            return self.of_device[request.device_id]
        return super().GetMetadata(request, context)

    def WatchUpdates(self, request: pb.WatchUpdatesRequest, context: Any) -> Iterator[pb.WatchUpdatesResponse]:
        self.watch_count += 1
        return super().WatchUpdates(request, context)

    def GetRepositoryFile(self, request: pb.GetRepositoryFileRequest, context: Any) -> pb.RepositoryFile:
        self.asked[request.name] += 1
        try:
            assert self.signed is not None
            return pb.RepositoryFile(content=b"".join(self.signed.read(request.name, 0)) + self.padding)
        except NotThere:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such file")

    def RelayReport(self, request: pb.RelayReportRequest, context: Any) -> pb.RelayReportResponse:
        if self.relay_refusal is not None:
            self.relay_refused += 1
            context.abort(*self.relay_refusal)
        with self.arrived:
            self.relayed.append(request)
            self.arrived.notify_all()
        return pb.RelayReportResponse()

    def ReportHealth(self, request: pb.ReportHealthRequest, context: Any) -> pb.ReportHealthResponse:
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "a gateway cannot speak for a device")

    def wait_for_reports(self, count: int) -> list[pb.Report]:
        """The reports that came, once there are ``count``."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.relayed) >= count, TIMEOUT), len(self.relayed)
        return [pb.Report.FromString(each.report) for each in self.relayed]


class Gateway:
    """A gateway in a thread of this process."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.address = ""
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def start(self) -> "Gateway":
        self._thread.start()
        assert self._started.wait(TIMEOUT)
        return self

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(TIMEOUT)
        assert not self._thread.is_alive()

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with serving(self.setup) as self.address:
            self._started.set()
            await self._stop.wait()


class GatewayProcess:
    """A gateway as a process, that can be killed and started again where it was."""

    def __init__(self, server: str, folder: Path, *options: str) -> None:
        self._command = ["--server", server, "--folder", str(folder), *options]
        self.address = "127.0.0.1:0"

    def start(self) -> "GatewayProcess":
        run = "from slipway.cli.gateway import app; app()"
        command = [sys.executable, "-c", run, "run", "--listen", self.address, *self._command]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().split()[-1]
        return self

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        os.kill(self.process.pid, number)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.wait(TIMEOUT)


class Device:
    """What a device asks, with nothing in between that forgives."""

    def __init__(self, address: str, device_id: str = "") -> None:
        self.device_id = device_id
        self._channel = open_channel(address)
        self.updates: Any = updates_pb2_grpc.UpdatesStub(self._channel)
        self.datasets: Any = datasets_pb2_grpc.DatasetsStub(self._channel)

    def offer(self, model: str = "models/m", held: Sequence[str] = ()) -> pb.UpdateMetadata:
        request = pb.GetMetadataRequest(model=model, channel="stable", device_id=self.device_id, held_sha256=held)
        return self.updates.GetMetadata(request, timeout=TIMEOUT)

    def download(self, sha256: str, offset: int = 0, limit: int = 0) -> bytes:
        request = pb.DownloadTargetRequest(sha256=sha256, read_offset=offset, read_limit=limit)
        at, data = offset, b""
        for piece in self.updates.DownloadTarget(request, timeout=TIMEOUT):
            assert piece.offset == at
            data += piece.data
            at += len(piece.data)
        return data

    def file(self, name: str) -> bytes:
        return self.updates.GetRepositoryFile(pb.GetRepositoryFileRequest(name=name), timeout=TIMEOUT).content

    def hints(self, model: str = "models/m") -> Any:
        return self.updates.WatchUpdates(pb.WatchUpdatesRequest(model=model, channel="stable"), timeout=TIMEOUT)

    def relay(self, request: pb.RelayReportRequest) -> None:
        self.updates.RelayReport(request, timeout=TIMEOUT)

    def close(self) -> None:
        self._channel.close()


def report(number: int, device_id: str = "d") -> pb.RelayReportRequest:
    """A report whose signature only a server looks at."""
    health = pb.ReportHealthRequest(device_id=device_id, version="models/m/versions/1", sequence=number)
    data = pb.Report(device_id=device_id, health=health).SerializeToString()
    return pb.RelayReportRequest(report=data, signature=b"signature")


def changed(setup: Setup, **limits: Any) -> Setup:
    """``setup`` with other limits."""
    return replace(setup, limits=replace(setup.limits, **limits))


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def wait_until(question: Callable[[], bool]) -> None:
    """Ask until the answer is yes."""
    end = time.monotonic() + TIMEOUT
    while not question():
        assert time.monotonic() < end
        time.sleep(0.01)
