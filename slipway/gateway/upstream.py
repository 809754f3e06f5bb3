"""The line to the server: what devices wait for runs on the event loop, what takes long in threads."""

from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import Any, TypeVar

import grpc

from slipway.gateway.files import Away
from slipway.transport import AWAY, LOOPBACK, OPTIONS, ask, open_channel, read_stream
from slipway.v1 import datasets_pb2_grpc, updates_pb2_grpc
from slipway.v1 import updates_pb2 as pb

ANSWER_DEADLINE_S = 5.0  # devices wait 20 s, and are told what is known after that
DOWNLOAD_DEADLINE_S = 300.0  # a slower stream is opened again from where it stands
NOT_THERE = grpc.StatusCode.NOT_FOUND

T = TypeVar("T")


class Upstream:
    """One server. What it refuses devices hear as it said it; ``Away`` is raised where it cannot be reached."""

    def __init__(self, address: str, credentials: grpc.ChannelCredentials | None = None) -> None:
        self.address = address
        options = [*OPTIONS, *((("grpc.enable_http_proxy", 0),) if address.startswith(LOOPBACK) else ())]
        if credentials is None:
            self._line = grpc.aio.insecure_channel(address, options)
        else:
            self._line = grpc.aio.secure_channel(address, credentials, options)
        self._updates: Any = updates_pb2_grpc.UpdatesStub(self._line)
        self._slow_line = open_channel(address, credentials)
        self._slow = updates_pb2_grpc.UpdatesStub(self._slow_line)
        self.datasets = datasets_pb2_grpc.DatasetsStub(self._slow_line)

    async def metadata(self, request: pb.GetMetadataRequest) -> pb.UpdateMetadata:
        """What a channel points at, for one device."""
        answer: pb.UpdateMetadata = await _asked(self._updates.GetMetadata(request, timeout=ANSWER_DEADLINE_S))
        return answer

    async def file(self, name: str) -> bytes | None:
        """A file of the signed metadata; None where there is none."""
        try:
            call = self._updates.GetRepositoryFile(pb.GetRepositoryFileRequest(name=name), timeout=ANSWER_DEADLINE_S)
            return bytes((await _asked(call)).content)
        except grpc.aio.AioRpcError as error:
            if error.code() is NOT_THERE:
                return None
            raise

    async def status(self, request: pb.ReportStatusRequest) -> pb.ReportStatusResponse:
        """An unsigned report, which the server takes or does not."""
        taken: pb.ReportStatusResponse = await _asked(self._updates.ReportStatus(request, timeout=ANSWER_DEADLINE_S))
        return taken

    async def health(self, request: pb.ReportHealthRequest) -> pb.ReportHealthResponse:
        """As ``status``."""
        taken: pb.ReportHealthResponse = await _asked(self._updates.ReportHealth(request, timeout=ANSWER_DEADLINE_S))
        return taken

    async def hints(self, key: tuple[str, str]) -> AsyncIterator[pb.WatchUpdatesResponse]:
        """Hints about a channel."""
        async for hint in self._updates.WatchUpdates(pb.WatchUpdatesRequest(model=key[0], channel=key[1])):
            yield hint

    def pieces(self, sha256: str, offset: int) -> Iterator[tuple[int, bytes]]:
        """A target from an offset on. For a thread; raises ``ServerRefused`` and ``ServerUnreachable``."""
        request = pb.DownloadTargetRequest(sha256=sha256, read_offset=offset)
        for piece in read_stream(self._slow.DownloadTarget, request, self.address, DOWNLOAD_DEADLINE_S):
            yield piece.offset, piece.data

    def relay(self, request: pb.RelayReportRequest) -> None:
        """A signed report. For a thread; raises as ``pieces``."""
        ask(self._slow.RelayReport, request, self.address)

    async def close(self) -> None:
        """End every call."""
        self._slow_line.close()
        await self._line.close()


async def _asked(call: Awaitable[T]) -> T:
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        if error.code() in AWAY:
            raise Away(str(error.details() or error.code().name)) from error
        raise
