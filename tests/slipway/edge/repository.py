"""A tiny honest update server on a real socket, that can be told to be slow, to break off, or to lie."""

import hashlib
import threading
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration

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
        self.candidates: dict[tuple[str, str], pb.Candidate] = {}
        self.reports: list[pb.ReportStatusRequest] = []
        self.healths: list[pb.ReportHealthRequest] = []
        self.devices: list[str] = []  # who asked for metadata
        self.downloads: list[tuple[str, int]] = []  # (hash, offset) of every stream that began
        self.piece_bytes = piece_bytes
        self.spread_s = 0  # what hints say of it
        self.break_after: int | None = None  # bytes of a stream before it breaks off
        self.gate: threading.Event | None = None  # each piece after the first waits for it
        self.first_piece = threading.Event()
        self._moved = threading.Condition()
        self._closed = False
        self._rollouts = 0

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

    def rehearse(
        self, model: str, version: int, data: bytes, rollout: int = 1, channel: str = "stable", move: bool = True
    ) -> str:
        """Ask devices to run a bundle beside their own, and return its hash."""
        sha256 = hashlib.sha256(data).hexdigest()
        with self._moved:
            self.targets[sha256] = data
            self.candidates[model, channel] = pb.Candidate(
                rollout=f"{model}/rollouts/{rollout}",
                version=f"{model}/versions/{version}",
                target=pb.Target(sha256=sha256, size_bytes=len(data)),
            )
            self._rollouts += move
            self._moved.notify_all()
        return sha256

    def end_rollout(self, model: str, channel: str = "stable") -> None:
        """Ask for no candidate any more."""
        with self._moved:
            self.candidates.pop((model, channel), None)
            self._rollouts += 1
            self._moved.notify_all()

    def change(self, new: str, base: str, delta: bytes | None = None) -> pb.Delta:
        """Offer a delta from one bundle to another, both given by their hashes; the right one unless told otherwise."""
        delta = make(self.targets[base], self.targets[new]) if delta is None else delta
        sha256 = hashlib.sha256(delta).hexdigest()
        self.targets[sha256] = delta
        self.deltas[new, base] = pb.Delta(target=pb.Target(sha256=sha256, size_bytes=len(delta)), base_sha256=base)
        return self.deltas[new, base]

    def GetMetadata(self, request: pb.GetMetadataRequest, context: Any) -> pb.UpdateMetadata:
        self.held.append(tuple(request.held_sha256))
        self.devices.append(request.device_id)
        found = self.channels.get((request.model, request.channel))
        if found is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such channel")
        reply = pb.UpdateMetadata()
        reply.CopyFrom(found)
        self._add_delta(reply, request)
        candidate = self.candidates.get((request.model, request.channel))
        if candidate is not None and request.device_id:
            reply.candidate.CopyFrom(candidate)
            self._add_delta(reply.candidate, request)
        return reply

    def _add_delta(self, offer: pb.UpdateMetadata | pb.Candidate, request: pb.GetMetadataRequest) -> None:
        if offer.target.sha256 not in request.held_sha256:
            deltas = (self.deltas.get((offer.target.sha256, base)) for base in request.held_sha256)
            delta = next(filter(None, deltas), None)
            if delta is not None:
                offer.delta.CopyFrom(delta)

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
                moves = (found.serial if found else 0, self._rollouts)
                if moves == seen:
                    self._moved.wait(30)
                    continue
            seen = moves
            spread = Duration(seconds=self.spread_s)
            yield pb.WatchUpdatesResponse(serial=moves[0], rollout_serial=moves[1], spread=spread)

    def ReportStatus(self, request: pb.ReportStatusRequest, context: Any) -> pb.ReportStatusResponse:
        with self._moved:
            self.reports.append(request)
            self._moved.notify_all()
        return pb.ReportStatusResponse()

    def ReportHealth(self, request: pb.ReportHealthRequest, context: Any) -> pb.ReportHealthResponse:
        with self._moved:
            self.healths.append(request)
            self._moved.notify_all()
        return pb.ReportHealthResponse()

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
