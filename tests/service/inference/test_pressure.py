"""Under pressure: a server with small limits refuses instead of growing, and says when to try again."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from service.blobs import Blobs
from service.catalogue.engine import Catalogue
from service.inference.engine import Asked, Engine
from service.inference.limits import Limits
from service.inference.servicer import Inference
from service.inference.stubs import grpc_service_pb2_grpc
from service.interceptor import ErrorInterceptor
from tests.service.inference.bundles import alone, bundle, dense, publish, task_of, windows
from tests.service.inference.messages import logits, raw
from tests.service.process import TIMEOUT

TASK = task_of("rover")
BUNDLE = bundle(dense(TASK, 1), TASK)


@pytest.fixture
def engine(catalogue: Catalogue, blobs: Blobs) -> Engine:
    """With room for four windows, and for one version in memory."""
    publish(catalogue, blobs, BUNDLE, TASK, "stable")
    publish(catalogue, blobs, bundle(dense(TASK, 2), TASK), TASK)
    return Engine(catalogue, blobs, Limits(queue_windows=4, loaded_bytes=2 << 20, threads=1))


@pytest.fixture
async def stub(engine: Engine) -> AsyncIterator[Any]:
    """A client of a server that is inside the test."""
    server = grpc.aio.server(interceptors=(ErrorInterceptor(),))
    grpc_service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Inference(engine), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield grpc_service_pb2_grpc.GRPCInferenceServiceStub(channel)
    await server.stop(None)


async def test_windows_without_room_are_refused_with_a_delay(stub: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ModelInfer(raw(windows(5)), timeout=TIMEOUT)
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    status = rpc_status.from_call(caught.value)
    assert status is not None
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    assert status.details[0].Unpack(info) and status.details[1].Unpack(retry)
    assert (info.reason, info.metadata["limit"]) == ("INFERENCE_BUSY", "4")
    assert 0 < retry.retry_delay.ToMilliseconds() < 60_000


async def test_a_flood_is_answered_or_refused_and_leaves_nothing_behind(stub: Any, engine: Engine) -> None:
    async def ask(index: int) -> str:
        values = windows(2, seed=index)
        try:
            answer = await stub.ModelInfer(raw(values), timeout=TIMEOUT)
        except grpc.aio.AioRpcError as error:
            return error.code().name
        return "right" if logits(answer).tobytes() == alone(BUNDLE, values).tobytes() else "wrong"

    found = await asyncio.gather(*(ask(index) for index in range(300)))
    assert set(found) <= {"right", "RESOURCE_EXHAUSTED"} and "right" in found
    assert await asyncio.gather(ask(1), ask(2)) == ["right", "right"], "as if nothing had been"
    tally = engine.tallies["rover", 1]
    assert tally.success.count == found.count("right") + 2
    assert tally.fail.count == found.count("RESOURCE_EXHAUSTED")


async def test_versions_take_turns_in_a_memory_that_holds_one(stub: Any, engine: Engine) -> None:
    for _ in range(2):
        for version in ("1", "2"):
            answer = await stub.ModelInfer(raw(windows(1), model_version=version), timeout=TIMEOUT)
            assert answer.model_version == version
    assert engine.tallies["rover", 1].success.count == 2, "counting outlives the version's stay in memory"
    first = await engine.version(Asked("rover", 1, "stable"))
    assert first.size_bytes > 1 << 20
    assert (await engine.version(Asked("rover", 1, "stable"))) is first
    await engine.version(Asked("rover", 2, "stable"))
    assert (await engine.version(Asked("rover", 1, "stable"))) is not first
    assert np.isfinite(await first.batcher.answer(windows(1))).all(), "one that was dropped still answers its callers"


async def test_a_damaged_file_is_refused_and_nothing_is_kept(stub: Any, tmp_path: Path, blobs: Blobs) -> None:
    (path,) = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file() and path.read_bytes() == BUNDLE]
    content = bytearray(BUNDLE)
    content[len(content) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ModelInfer(raw(windows(1)), timeout=TIMEOUT)
    assert caught.value.code() == grpc.StatusCode.DATA_LOSS
    path.write_bytes(BUNDLE)
    assert (await stub.ModelInfer(raw(windows(1)), timeout=TIMEOUT)).model_version == "1"
