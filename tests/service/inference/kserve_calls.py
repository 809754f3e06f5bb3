"""What KServe's client does, with its public library alone: ``python -m tests.service.inference.kserve_calls HOST``.

A process of its own, because that library and the server's stubs both define the protocol's messages. Prints one JSON
object: a name for each call, and what it gave.
"""

import asyncio
import importlib.util
import json
import sys
import types
from pathlib import Path
from typing import Any

import grpc
import numpy as np


def open_package(name: str) -> None:
    """Let modules of a package be imported without what its ``__init__`` wants: here a Kubernetes client."""
    (folder,) = importlib.util.find_spec(name).submodule_search_locations  # type: ignore[union-attr]
    module = types.ModuleType(name)
    module.__path__ = [str(Path(folder))]
    sys.modules[name] = module


open_package("kserve")
from kserve.inference_client import InferenceGRPCClient  # noqa: E402
from kserve.protocol.infer_type import InferInput, InferRequest  # noqa: E402


def request(count: int, seed: int, raw: bool, model: str = "rover", **fields: Any) -> Any:
    """The windows that the test expects, the same as ``bundles.windows``, as raw or as typed tensors."""
    values = np.random.default_rng(seed).normal(size=(count, 3, 2)).astype(np.float32)
    tensor = InferInput("window", list(values.shape), "FP32")
    tensor.set_data_from_numpy(values, binary_data=raw)
    return InferRequest(model, [tensor], **fields)


async def calls(address: str) -> dict[str, Any]:
    """Every call of the client."""
    async with InferenceGRPCClient(address) as client:
        found: dict[str, Any] = {
            "live": await client.is_server_live(),
            "ready": await client.is_server_ready(),
            "model_ready": [await client.is_model_ready(name) for name in ("rover", "nobody")],
        }
        for name, raw in (("raw", True), ("typed", False)):
            answer = await client.infer(request(5, 1, raw, request_id="q-1"))
            found[name] = answer.outputs[0].as_numpy().tobytes().hex()
            found["id"] = answer.id
        channel = await client.infer(request(5, 1, True, parameters={"channel": "candidate"}))
        found["channel"] = [channel.model_version, channel.outputs[0].as_numpy().tobytes().hex()]
        version = await client.infer(request(5, 1, True, model_version="2"))
        found["version"] = [version.model_version, version.outputs[0].as_numpy().tobytes().hex()]
        answers = await asyncio.gather(*(client.infer(request(1, seed, True)) for seed in range(20)))
        found["together"] = [each.outputs[0].as_numpy().tobytes().hex() for each in answers]
        found["errors"] = [
            await refused(client, request(n, 1, True, name)) for name, n in (("nobody", 1), ("rover", 65))
        ]
    return found


async def refused(client: Any, asked: Any) -> list[str]:
    """Status and message of a call that must fail."""
    try:
        await client.infer(asked)
    except grpc.RpcError as error:
        return [error.code().name, error.details() or ""]  # type: ignore[attr-defined]
    return ["OK", ""]


if __name__ == "__main__":
    print(json.dumps(asyncio.run(calls(sys.argv[1]))))
