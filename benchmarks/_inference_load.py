"""The load generator of ``benchmarks.inference``: asks one model, so many requests in flight, and prints what it saw.

``python -m benchmarks._inference_load ADDRESS MODEL --flight 8 --seconds 3 --windows 1``. A process of its own, so that
the client's work is not the server's. Requests are serialised once and answers stay bytes: a client that costs little.
"""

import argparse
import asyncio
import json
import time
from typing import Any

import grpc
import numpy as np

from service.inference.stubs import grpc_service_pb2 as pb

METHOD = "/inference.GRPCInferenceService/ModelInfer"
SHAPE = (128, 9)
WARM_SECONDS = 0.5


def request(model: str, windows: int, seed: int = 0) -> bytes:
    """A serialised request of random windows."""
    values = np.random.default_rng(seed).normal(size=(windows, *SHAPE)).astype("<f4")
    tensor = pb.ModelInferRequest.InferInputTensor(name="window", datatype="FP32", shape=values.shape)
    return pb.ModelInferRequest(
        model_name=model, id="1", inputs=[tensor], raw_input_contents=[values.tobytes()]
    ).SerializeToString()


async def load(address: str, message: bytes, flight: int, seconds: float) -> tuple[list[float], int]:
    """Seconds that each request took, sent for ``seconds`` with ``flight`` in flight, and how many went before."""
    async with grpc.aio.insecure_channel(address, options=[("grpc.max_send_message_length", -1)]) as channel:
        call = channel.unary_unary(METHOD)
        warm = await asyncio.gather(*(_ask(call, message, time.perf_counter() + WARM_SECONDS) for _ in range(flight)))
        end = time.perf_counter() + seconds
        found = await asyncio.gather(*(_ask(call, message, end) for _ in range(flight)))
    return [each for times in found for each in times], sum(map(len, warm))


async def _ask(call: Any, message: bytes, end: float) -> list[float]:
    times = []
    while (start := time.perf_counter()) < end:
        await call(message)
        times.append(time.perf_counter() - start)
    return times


def main() -> None:
    """Run one load and print its record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("model")
    parser.add_argument("--flight", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--windows", type=int, default=1)
    given = parser.parse_args()
    message = request(given.model, given.windows)
    seconds, warm_count = asyncio.run(load(given.address, message, given.flight, given.seconds))
    times, rate = np.array(seconds), len(seconds) / given.seconds
    found = {"rps": rate, "windows_per_second": rate * given.windows, "requests": len(times) + warm_count}
    print(json.dumps(found | {f"p{share}_ms": float(np.percentile(times, share)) * 1e3 for share in (50, 99)}))


if __name__ == "__main__":
    main()
