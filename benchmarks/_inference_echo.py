"""The bare servicer that ``benchmarks.inference`` compares with: the same messages, and nothing done between them.

It runs on the same event loop as the server and is added the same way, both of which make it faster than a servicer
usually is. ``python -m benchmarks._inference_echo``: prints its address and serves until its standard input ends.
"""

import asyncio
import sys
from typing import Any

import grpc
import uvloop

from service.inference.stubs import grpc_service_pb2 as pb
from service.inference.stubs import grpc_service_pb2_grpc
from service.registration import ByName

CLASSES = 6


class Echo(grpc_service_pb2_grpc.GRPCInferenceServiceServicer):
    """Answers every request with zeros."""

    async def ModelInfer(self, request: pb.ModelInferRequest, context: Any) -> pb.ModelInferResponse:
        """As many answers as windows."""
        count = request.inputs[0].shape[0]
        output = pb.ModelInferResponse.InferOutputTensor(name="logits", datatype="FP32", shape=(count, CLASSES))
        raw = [bytes(4 * CLASSES * count)]
        return pb.ModelInferResponse(
            model_name=request.model_name, model_version="1", id=request.id, outputs=[output], raw_output_contents=raw
        )


async def serve() -> None:
    """Serve on a free loopback port."""
    server = grpc.aio.server()
    grpc_service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Echo(), ByName(server))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"127.0.0.1:{port}", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(None)


if __name__ == "__main__":
    uvloop.run(serve())
