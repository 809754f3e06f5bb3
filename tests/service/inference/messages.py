"""Requests and answers of the Open Inference Protocol, for tests."""

from typing import Any

import numpy as np

from service.inference.stubs import grpc_service_pb2 as pb

Tensor = pb.ModelInferRequest.InferInputTensor
Output = pb.ModelInferRequest.InferRequestedOutputTensor


def raw(values: np.ndarray, model: str = "rover", **fields: Any) -> pb.ModelInferRequest:
    """A request with bytes."""
    tensor = Tensor(name="window", datatype="FP32", shape=values.shape)
    contents = [values.astype("<f4").tobytes()]
    return pb.ModelInferRequest(**{"model_name": model, "inputs": [tensor], "raw_input_contents": contents, **fields})


def typed(values: np.ndarray, model: str = "rover", **fields: Any) -> pb.ModelInferRequest:
    """A request with numbers."""
    contents = pb.InferTensorContents(fp32_contents=values.ravel().tolist())
    tensor = Tensor(name="window", datatype="FP32", shape=values.shape, contents=contents)
    return pb.ModelInferRequest(**{"model_name": model, "inputs": [tensor], **fields})


def text(value: str) -> pb.InferParameter:
    """A parameter."""
    return pb.InferParameter(string_param=value)


def top(count: int) -> Output:
    """Ask for so many classes."""
    return Output(name="logits", parameters={"classification": pb.InferParameter(int64_param=count)})


def logits(answer: pb.ModelInferResponse, output: int = 0) -> np.ndarray:
    """The float output of an answer."""
    assert answer.outputs[output].datatype == "FP32"
    return np.frombuffer(answer.raw_output_contents[output], "<f4").reshape(answer.outputs[output].shape)


def texts(answer: pb.ModelInferResponse, output: int = 0) -> list[list[str]]:
    """The BYTES output of an answer."""
    assert answer.outputs[output].datatype == "BYTES"
    data, found = answer.raw_output_contents[output], []
    while data:
        length = int.from_bytes(data[:4], "little")
        found.append(data[4 : 4 + length].decode())
        data = data[4 + length :]
    rows, width = answer.outputs[output].shape
    assert len(found) == rows * width
    return [found[row * width : (row + 1) * width] for row in range(rows)]
