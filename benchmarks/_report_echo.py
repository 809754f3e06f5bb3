"""The bare servicer that ``benchmarks.health_reports`` compares with: the same messages, and nothing kept of them.

``python -m benchmarks._report_echo``: prints its address and serves until its standard input ends.
"""

import asyncio
import sys
from typing import Any

import grpc

from slipway.v1 import updates_pb2 as pb
from slipway.v1 import updates_pb2_grpc


class Echo(updates_pb2_grpc.UpdatesServicer):
    """Answers every report, and forgets it."""

    async def ReportHealth(self, request: pb.ReportHealthRequest, context: Any) -> pb.ReportHealthResponse:
        """Nothing."""
        return pb.ReportHealthResponse()


async def serve() -> None:
    """Serve on a free loopback port."""
    server = grpc.aio.server()
    updates_pb2_grpc.add_UpdatesServicer_to_server(Echo(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"127.0.0.1:{port}", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(None)


if __name__ == "__main__":
    asyncio.run(serve())
