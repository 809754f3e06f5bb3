"""What a client of Triton does, with its public library alone: ``python -m tests.service.inference.triton_calls HOST``.

A process of its own, because that library and the server's stubs both define the protocol's messages. Prints one JSON
object: a name for each call, and what it gave.
"""

import asyncio
import json
import queue
import sys
from typing import Any

import numpy as np
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.utils import InferenceServerException


def values(count: int, seed: int) -> np.ndarray:
    """The windows that the test expects; the same as ``bundles.windows``."""
    return np.random.default_rng(seed).normal(size=(count, 3, 2)).astype(np.float32)


def tensor(window: np.ndarray) -> Any:
    """A window as an input."""
    made = triton.InferInput("window", list(window.shape), "FP32")
    made.set_data_from_numpy(window)
    return made


def calls(address: str) -> dict[str, Any]:
    """Every call of the synchronous client."""
    with triton.InferenceServerClient(address) as client:
        found: dict[str, Any] = {
            "live": client.is_server_live(),
            "ready": client.is_server_ready(),
            "model_ready": [client.is_model_ready("rover"), client.is_model_ready("nobody")],
            "server": client.get_server_metadata(as_json=True)["name"],
            "metadata": client.get_model_metadata("rover", as_json=True),
            "config": client.get_model_config("rover", "2", as_json=True)["config"],
        }
        answer = client.infer("rover", [tensor(values(5, 1))], request_id="q-1", timeout=1_000_000, priority=1)
        found["infer"] = answer.as_numpy("logits").tobytes().hex()
        found["id"] = answer.get_response().id
        named = client.infer("rover", [tensor(values(5, 1))], model_version="2", compression_algorithm="gzip")
        found["version"] = [named.get_response().model_version, named.as_numpy("logits").tobytes().hex()]
        channel = client.infer("rover", [tensor(values(5, 1))], parameters={"channel": "candidate"})
        found["channel"] = channel.get_response().model_version
        wanted = [triton.InferRequestedOutput("logits", class_count=2)]
        classes = client.infer("rover", [tensor(values(2, 1))], outputs=wanted).as_numpy("logits")
        found["classes"] = [[text.decode() for text in row] for row in classes]
        found["later"] = asynchronous(client)
        found["stream"] = stream(client)
        found["errors"] = [refused(lambda name=name, n=n: client.infer(name, [tensor(values(n, 1))]))
                           for name, n in (("nobody", 1), ("rover", 65))]  # fmt: skip
        found["counted"] = client.get_inference_statistics("rover", as_json=True)["model_stats"][0]["version"]
    return found


def asynchronous(client: Any) -> str:
    """``async_infer``, which calls back."""
    done: queue.Queue[Any] = queue.Queue()
    client.async_infer("rover", [tensor(values(3, 2))], lambda result, error: done.put(error or result))
    return str(done.get(timeout=30).as_numpy("logits").tobytes().hex())


def stream(client: Any) -> list[Any]:
    """``async_stream_infer``: ids with versions, or what was refused."""
    done: queue.Queue[Any] = queue.Queue()
    client.start_stream(lambda result, error: done.put(error or result))
    for index in range(12):
        name = "nobody" if index == 5 else "rover"
        client.async_stream_infer(name, [tensor(values(1, index))], request_id=str(index))
    answers = [done.get(timeout=30) for _ in range(12)]
    client.stop_stream()
    return [
        each.message() if isinstance(each, InferenceServerException) else int(each.get_response().id)
        for each in answers
    ]


def refused(call: Any) -> list[str]:
    """Status and message of a call that must fail."""
    try:
        call()
    except InferenceServerException as error:
        return [str(error.status()), str(error.message())]
    return ["OK", ""]


async def calls_aio(address: str) -> dict[str, Any]:
    """The asynchronous client: many at once, and a stream."""
    async with triton_aio.InferenceServerClient(address) as client:
        ready = await client.is_model_ready("rover", "1")
        asked = (client.infer("rover", [tensor(values(1, seed))], request_id=str(seed)) for seed in range(20))
        answers = await asyncio.gather(*asked)

        async def requests() -> Any:
            for index in range(5):
                yield {"model_name": "rover", "inputs": [tensor(values(1, index))], "request_id": str(index)}

        ids = [result.get_response().id async for result, error in client.stream_infer(requests()) if error is None]
    return {"aio_ready": ready, "aio": [each.as_numpy("logits").tobytes().hex() for each in answers], "aio_ids": ids}


if __name__ == "__main__":
    print(json.dumps({**calls(sys.argv[1]), **asyncio.run(calls_aio(sys.argv[1]))}))
