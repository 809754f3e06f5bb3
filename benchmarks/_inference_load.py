"""The load generator of ``benchmarks.inference``: asks one model, so many requests in flight, and prints what it saw.

``python -m benchmarks._inference_load ADDRESS MODEL --flight 8 --seconds 3 --windows 1``. A process of its own, so that
the client's work is not the server's, with one connection, on which the next request goes out when an answer has come.

``--client wire``, the default, sends the same serialised request again and again and reads the bytes of the answers: it
takes a tenth of the processor time that the server takes (``client_us`` a request), so what is measured on cores that
both share is the server. ``--client triton`` is ``tritonclient``, which takes as much as the server or more: what a
user of that client gets from these cores.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable

import numpy as np

from benchmarks._inference_wire import Wire, framed

METHOD = "/inference.GRPCInferenceService/ModelInfer"
SHAPE = (128, 9)
WARM_SECONDS = 0.5


def windows_of(count: int, seed: int = 0) -> np.ndarray:
    """Random windows (count, time, channels)."""
    return np.random.default_rng(seed).normal(size=(count, *SHAPE)).astype("<f4")


def request(model: str, windows: int) -> bytes:
    """A serialised request of random windows."""
    from service.inference.stubs import grpc_service_pb2 as pb  # here: tritonclient brings messages of the same names

    values = windows_of(windows)
    tensor = pb.ModelInferRequest.InferInputTensor(name="window", datatype="FP32", shape=values.shape)
    return pb.ModelInferRequest(
        model_name=model, id="1", inputs=[tensor], raw_input_contents=[values.tobytes()]
    ).SerializeToString()


def load_by_wire(address: str, model: str, windows: int, flight: int, seconds: float) -> tuple[list[float], int]:
    """Seconds that each request took, sent for ``seconds`` with ``flight`` in flight, and how many went before."""
    wire, body = Wire(address, METHOD), framed(request(model, windows))
    warm = _ask_by_wire(wire, body, flight, time.perf_counter() + WARM_SECONDS)
    found = _ask_by_wire(wire, body, flight, time.perf_counter() + seconds)
    wire.close()
    return found, len(warm)


def _ask_by_wire(wire: Wire, body: bytes, flight: int, end: float) -> list[float]:
    begun = {wire.ask(body): time.perf_counter() for _ in range(flight)}
    times = []
    while begun:
        for number, _ in wire.answers():
            now = time.perf_counter()
            times.append(now - begun.pop(number))
            if now < end:
                begun[wire.ask(body)] = now
    return times


async def load_by_triton(
    address: str, model: str, windows: int, flight: int, seconds: float
) -> tuple[list[float], int]:
    """As ``load_by_wire``."""
    import tritonclient.grpc.aio as triton  # here, for the same reason

    values = windows_of(windows)
    tensor = triton.InferInput("window", list(values.shape), "FP32")
    tensor.set_data_from_numpy(values)
    async with triton.InferenceServerClient(address) as client:

        async def call() -> None:
            (await client.infer(model, [tensor])).as_numpy("logits")

        warm = await _ask_together(call, flight, time.perf_counter() + WARM_SECONDS)
        found = await _ask_together(call, flight, time.perf_counter() + seconds)
    return found, len(warm)


async def _ask_together(call: Callable[[], Awaitable[None]], flight: int, end: float) -> list[float]:
    found = await asyncio.gather(*(_ask(call, end) for _ in range(flight)))
    return [each for times in found for each in times]


async def _ask(call: Callable[[], Awaitable[None]], end: float) -> list[float]:
    times = []
    while (start := time.perf_counter()) < end:
        await call()
        times.append(time.perf_counter() - start)
    return times


def main() -> None:
    """Run one load and print its record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("model")
    parser.add_argument("--client", choices=("wire", "triton"), default="wire")
    parser.add_argument("--flight", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--windows", type=int, default=1)
    given = parser.parse_args()
    asked = given.address, given.model, given.windows, given.flight, given.seconds
    before = time.process_time()
    seconds, warm_count = load_by_wire(*asked) if given.client == "wire" else asyncio.run(load_by_triton(*asked))
    times, rate = np.array(seconds), len(seconds) / given.seconds
    found = {"rps": rate, "windows_per_second": rate * given.windows, "requests": len(times) + warm_count}
    found["client_us"] = 1e6 * (time.process_time() - before) / found["requests"]
    print(json.dumps(found | {f"p{share}_ms": float(np.percentile(times, share)) * 1e3 for share in (50, 99)}))


if __name__ == "__main__":
    main()
