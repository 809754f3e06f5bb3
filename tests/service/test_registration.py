"""Services are added by name: every call finds its method, and none waits on the futures of all the others."""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from service.inference.servicer import SERVICE
from service.inference.stubs import grpc_service_pb2 as pb
from service.inference.stubs import grpc_service_pb2_grpc
from service.registration import ByName

METHODS = len(pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods)


class Live(grpc_service_pb2_grpc.GRPCInferenceServiceServicer):
    async def ServerLive(self, request: pb.ServerLiveRequest, context: Any) -> pb.ServerLiveResponse:
        return pb.ServerLiveResponse(live=True)


async def waiting_tasks(seen: Callable[[grpc.aio.Server], Any]) -> int:
    """How many tasks wait in a server at rest, after it has answered a call and refused an unknown one."""
    before = len(asyncio.all_tasks())
    server = grpc.aio.server()
    grpc_service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Live(), seen(server))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        assert (await grpc_service_pb2_grpc.GRPCInferenceServiceStub(channel).ServerLive(pb.ServerLiveRequest())).live
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(f"/{SERVICE}/Unknown")(b"")
        assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
    count = len(asyncio.all_tasks()) - before
    await server.stop(None)
    return count


async def test_a_server_at_rest_waits_once_however_many_methods_it_has() -> None:
    assert await waiting_tasks(ByName) < 5 < METHODS


async def test_generated_code_alone_waits_for_each_method() -> None:
    assert await waiting_tasks(lambda server: server) > METHODS
