"""The Open Inference Protocol over gRPC: convert, call, convert."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from importlib.metadata import version as installed_version
from time import perf_counter_ns
from typing import Any

from service.clock import now_us
from service.convert import inference as convert
from service.errors import internal
from service.inference import description
from service.inference.engine import Engine
from service.inference.streaming import in_order
from service.inference.stubs import grpc_service_pb2 as pb
from service.inference.stubs.grpc_service_pb2_grpc import GRPCInferenceServiceServicer
from slipway.errors import Refused

SERVICE = "inference.GRPCInferenceService"
PROGRAM = "slipway-server"
EXTENSIONS = ("classification", "model_configuration", "statistics")


class Inference(GRPCInferenceServiceServicer):
    """Answers windows with the versions of the catalogue.

    Args:
        engine: finds and runs them.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._ready = True

    def close(self) -> None:
        """Say from now on that no windows are taken; what is under way ends."""
        self._ready = False

    async def ServerLive(self, request: pb.ServerLiveRequest, context: Any) -> pb.ServerLiveResponse:
        """Say that the server is there."""
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(self, request: pb.ServerReadyRequest, context: Any) -> pb.ServerReadyResponse:
        """Say whether windows are taken."""
        return pb.ServerReadyResponse(ready=self._ready)

    async def ServerMetadata(self, request: pb.ServerMetadataRequest, context: Any) -> pb.ServerMetadataResponse:
        """Say what the server is."""
        return pb.ServerMetadataResponse(name=PROGRAM, version=installed_version(PROGRAM), extensions=EXTENSIONS)

    async def ModelReady(self, request: pb.ModelReadyRequest, context: Any) -> pb.ModelReadyResponse:
        """Load a version, and say whether that went well; one that does not exist is not ready."""
        try:
            await self._engine.version(convert.address(request.name, request.version, field=""))
        except Refused as refused:
            if refused.field in ("name", "version") and refused.code != "NOT_FOUND":
                raise
            return pb.ModelReadyResponse(ready=False)
        return pb.ModelReadyResponse(ready=self._ready)

    async def ModelMetadata(self, request: pb.ModelMetadataRequest, context: Any) -> pb.ModelMetadataResponse:
        """Say what a model reads and gives."""
        loaded = await self._engine.version(convert.address(request.name, request.version, field=""))
        return description.metadata_to(loaded.model_id, loaded.task, await self._engine.versions(loaded.model_id))

    async def ModelConfig(self, request: pb.ModelConfigRequest, context: Any) -> pb.ModelConfigResponse:
        """Say how a model is run."""
        loaded = await self._engine.version(convert.address(request.name, request.version, field=""))
        return pb.ModelConfigResponse(config=description.config_to(loaded.model_id, loaded.task, self._engine.limits))

    async def ModelStatistics(self, request: pb.ModelStatisticsRequest, context: Any) -> pb.ModelStatisticsResponse:
        """Say what was answered, and where the time went."""
        tallies = self._engine.tallies
        if not request.name:
            return description.statistics_to(
                (*key, tally) for key, tally in sorted(tallies.items(), key=lambda row: row[0])
            )
        asked = convert.address(request.name, request.version, field="")
        numbers = await self._engine.versions(asked.model_id) if asked.number is None else (asked.number,)
        if asked.number is not None:
            await self._engine.version(asked)
        rows = [(asked.model_id, number, tallies.get((asked.model_id, number))) for number in numbers]
        return description.statistics_to((model, number, tally) for model, number, tally in rows if tally is not None)

    async def ModelInfer(self, request: pb.ModelInferRequest, context: Any) -> pb.ModelInferResponse:
        """Answer the windows of a request."""
        return await self._answer(request)

    async def ModelStreamInfer(
        self, request_iterator: AsyncIterator[pb.ModelInferRequest], context: Any
    ) -> AsyncIterator[pb.ModelStreamInferResponse]:
        """Answer a stream of requests in their order; a refused one is answered with the reason."""
        limit = self._engine.limits.stream_requests
        async with aclosing(in_order(request_iterator, self._answer_in_stream, limit)) as answers:
            async for answer in answers:
                yield answer

    async def _answer(self, request: pb.ModelInferRequest) -> pb.ModelInferResponse:
        begun = perf_counter_ns()
        loaded = await self._engine.version(convert.asked_from(request))
        answered = False
        try:
            if request.outputs:
                convert.check_outputs(request, loaded.task)  # before any work
            windows = convert.windows_from(request, loaded.task, self._engine.limits.batch_windows)
            logits = await loaded.batcher.answer(windows)
            answer = convert.answer_to(request, loaded.number, loaded.task, logits)
            answered = True
            return answer
        finally:
            loaded.tally.ended(answered, perf_counter_ns() - begun, now_us())

    async def _answer_in_stream(self, request: pb.ModelInferRequest) -> pb.ModelStreamInferResponse:
        try:
            return pb.ModelStreamInferResponse(infer_response=await self._answer(request))
        except Exception as error:
            refused = error if isinstance(error, Refused) else internal(error, "ModelStreamInfer")
            named = pb.ModelInferResponse(model_name=request.model_name, model_version=request.model_version)
            named.id = request.id
            return pb.ModelStreamInferResponse(error_message=f"[{refused.code}] {refused}", infer_response=named)
