"""A tiny honest update server on a real socket, that can be told to be slow, to break off, or to lie."""

import hashlib
import threading
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc

from slipway.delta.codec import make
from slipway.v1 import updates_pb2 as pb
from slipway.v1.updates_pb2_grpc import UpdatesServicer, add_UpdatesServicer_to_server


class Repository(UpdatesServicer):
    """Serves bundles, and deltas between them; its public fields are the faults."""

    def __init__(self, piece_bytes: int = 4096) -> None:
        self.targets: dict[str, bytes] = {}
        self.channels: dict[tuple[str, str], pb.UpdateMetadata] = {}
        self.deltas: dict[tuple[str, str], pb.Delta] = {}  # by (hash of the new bundle, of the base)
        self.held: list[tuple[str, ...]] = []  # what each request for metadata said
        self.reports: list[pb.ReportStatusRequest] = []
        self.downloads: list[tuple[str, int]] = []  # (hash, offset) of every stream that began
        self.piece_bytes = piece_bytes
        self.break_after: int | None = None  # bytes of a stream before it breaks off
        self.gate: threading.Event | None = None  # each piece after the first waits for it
        self.first_piece = threading.Event()
        self._moved = threading.Condition()
        self._closed = False

    def publish(self, model: str, version: int, data: bytes, channel: str = "stable", serial: int | None = None) -> str:
        """Point a channel at a bundle and return the bundle's hash."""
        sha256 = hashlib.sha256(data).hexdigest()
        before = self.channels.get((model, channel))
        with self._moved:
            self.targets[sha256] = data
            self.channels[model, channel] = pb.UpdateMetadata(
                version=f"{model}/versions/{version}",
                target=pb.Target(sha256=sha256, size_bytes=len(data)),
                serial=serial if serial is not None else (before.serial if before else 0) + 1,
            )
            self._moved.notify_all()
        return sha256

    def change(self, new: str, base: str, delta: bytes | None = None) -> pb.Delta:
        """Offer a delta from one bundle to another, both given by their hashes; the right one unless told otherwise."""
        delta = make(self.targets[base], self.targets[new]) if delta is None else delta
        sha256 = hashlib.sha256(delta).hexdigest()
        self.targets[sha256] = delta
        self.deltas[new, base] = pb.Delta(target=pb.Target(sha256=sha256, size_bytes=len(delta)), base_sha256=base)
        return self.deltas[new, base]

    def GetMetadata(self, request: pb.GetMetadataRequest, context: Any) -> pb.UpdateMetadata:
        self.held.append(tuple(request.held_sha256))
        found = self.channels.get((request.model, request.channel))
        if found is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such channel")
        delta = None
        if found.target.sha256 not in request.held_sha256:
            deltas = (self.deltas.get((found.target.sha256, base)) for base in request.held_sha256)
            delta = next(filter(None, deltas), None)
        return pb.UpdateMetadata(version=found.version, target=found.target, serial=found.serial, delta=delta)

    def DownloadTarget(self, request: pb.DownloadTargetRequest, context: Any) -> Iterator[pb.DownloadTargetResponse]:
        self.downloads.append((request.sha256, request.read_offset))
        if request.sha256 not in self.targets:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such target")
        data, at = self.targets[request.sha256], request.read_offset
        stop = len(data) if self.break_after is None else at + self.break_after
        while at < len(data):
            if at >= stop:
                context.abort(grpc.StatusCode.UNAVAILABLE, "the line broke")
            if at > request.read_offset and self.gate is not None:
                self.first_piece.set()
                self.gate.wait(60)
            piece = data[at : min(stop, at + self.piece_bytes)]
            yield pb.DownloadTargetResponse(offset=at, data=piece)
            at += len(piece)

    def WatchUpdates(self, request: pb.WatchUpdatesRequest, context: Any) -> Iterator[pb.WatchUpdatesResponse]:
        context.add_callback(self._wake)
        seen = None
        while context.is_active() and not self._closed:
            with self._moved:
                found = self.channels.get((request.model, request.channel))
                serial = found.serial if found else 0
                if serial == seen:
                    self._moved.wait(30)
                    continue
            seen = serial
            yield pb.WatchUpdatesResponse(serial=serial)

    def ReportStatus(self, request: pb.ReportStatusRequest, context: Any) -> pb.ReportStatusResponse:
        with self._moved:
            self.reports.append(request)
            self._moved.notify_all()
        return pb.ReportStatusResponse()

    def _wake(self) -> None:
        with self._moved:
            self._moved.notify_all()

    def close(self) -> None:
        """Let every waiting call end."""
        self._closed = True
        if self.gate is not None:
            self.gate.set()
        self._wake()


class Served:
    """A repository that listens on a loopback port; it can go away and come back at the same address."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self._port = 0
        self.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        self.repository._closed = False
        self._server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
        add_UpdatesServicer_to_server(self.repository, self._server)
        self._port = self._server.add_insecure_port(f"127.0.0.1:{self._port}")
        self._server.start()

    def stop(self) -> None:
        self.repository.close()
        self._server.stop(0).wait()
