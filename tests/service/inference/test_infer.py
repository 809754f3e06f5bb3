"""Asking over real gRPC: the answers are the device's, bit for bit, whatever the form of the question."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import pytest

from service.inference.stubs import grpc_service_pb2 as pb
from slipway.v1 import updates_pb2
from tests.service.inference.bundles import alone, windows
from tests.service.inference.conftest import Same, Shelf
from tests.service.inference.messages import Output, Tensor, logits, raw, text, texts, top, typed
from tests.service.process import TIMEOUT, ServerProcess, refusal, wait_for


@pytest.mark.parametrize("form", [raw, typed])
@pytest.mark.parametrize("count", [1, 5, 64])
def test_logits_are_the_devices_bits(stub: Any, shelf: Shelf, same: Same, form: Any, count: int) -> None:
    values = windows(count, seed=count)
    answer = stub.ModelInfer(form(values, id="a-7"), timeout=TIMEOUT)
    assert (answer.model_name, answer.model_version, answer.id) == ("rover", "1", "a-7")
    assert [(each.name, each.datatype, list(each.shape)) for each in answer.outputs] == [("logits", "FP32", [count, 3])]
    assert not answer.outputs[0].HasField("contents")
    assert same(logits(answer), alone(shelf.rover[0], values))


def test_answers_of_many_at_once_are_the_devices_bits(stub: Any, shelf: Shelf, same: Same) -> None:
    questions = [windows(1 + index % 4, seed=index) for index in range(200)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda values: stub.ModelInfer(raw(values), timeout=TIMEOUT), questions))
    for values, answer in zip(questions, answers, strict=True):
        assert same(logits(answer), alone(shelf.rover[0], values))


def test_a_graph_that_a_batch_would_change_answers_as_on_a_device(stub: Any, shelf: Shelf, same: Same) -> None:
    values = windows(9)
    assert same(logits(stub.ModelInfer(raw(values, "mixing"), timeout=TIMEOUT)), alone(shelf.mixing, values))


def test_a_version_or_a_channel_can_be_named(stub: Any, shelf: Shelf, same: Same) -> None:
    values = windows(2)
    by_number = stub.ModelInfer(raw(values, model_version="2"), timeout=TIMEOUT)
    by_channel = stub.ModelInfer(raw(values, parameters={"channel": text("candidate")}), timeout=TIMEOUT)
    for answer in (by_number, by_channel):
        assert answer.model_version == "2"
        assert same(logits(answer), alone(shelf.rover[1], values))


def test_a_channel_that_moves_takes_its_callers_along(stub: Any, shelf: Shelf) -> None:
    request = raw(windows(1), parameters={"channel": text("moving")})
    for number in (1, 2, 1):
        shelf.move("moving", number)
        wait_for(lambda n=number: stub.ModelInfer(request, timeout=TIMEOUT).model_version == str(n))


def test_a_device_can_be_named_and_what_it_runs_answers(
    stub: Any, server: ServerProcess, shelf: Shelf, same: Same
) -> None:
    values, installed = windows(2), updates_pb2.ReportStatusRequest.INSTALLED
    request = raw(values, parameters={"device": text("rover-7")})
    for number in (1, 2, 1):
        status = {"device_id": "rover-7", "version": f"models/rover/versions/{number}", "state": installed}
        server.updates.ReportStatus(updates_pb2.ReportStatusRequest(**status), timeout=TIMEOUT)
        wait_for(lambda n=number: stub.ModelInfer(request, timeout=TIMEOUT).model_version == str(n))
        assert same(logits(stub.ModelInfer(request, timeout=TIMEOUT)), alone(shelf.rover[number - 1], values))
    other = raw(values, "mixing", parameters={"device": text("rover-7")})
    code, info, _ = refusal(lambda: stub.ModelInfer(other, timeout=TIMEOUT))
    assert code == "NOT_FOUND" and info.metadata["field"] == "parameters.device"


def test_a_regression_gives_its_quantities(stub: Any, shelf: Shelf, same: Same) -> None:
    values = windows(3)
    answer = stub.ModelInfer(raw(values, "arm"), timeout=TIMEOUT)
    assert same(logits(answer), alone(shelf.arm, values)) and list(answer.outputs[0].shape) == [3, 2]


def test_classes_by_likelihood(stub: Any, shelf: Shelf) -> None:
    values = windows(4)
    answer = stub.ModelInfer(raw(values, outputs=[top(2), Output(name="logits"), top(99)]), timeout=TIMEOUT)
    expected = alone(shelf.rover[0], values)
    assert logits(answer, 1).tobytes() == expected.tobytes()
    order = np.argsort(-expected, axis=1)
    for width, output in ((2, 0), (3, 2)):
        names = [[f"{row[i]:f}:{i}:{['go', 'stop', 'turn'][i]}" for i in indices[:width]]
                 for row, indices in zip(expected, order, strict=True)]  # fmt: skip
        assert texts(answer, output) == names


def test_unknown_parameters_are_ignored(stub: Any) -> None:
    values = windows(1)
    parameters = {"priority": pb.InferParameter(uint64_param=3), "sequence_id": pb.InferParameter(int64_param=1)}
    answer = stub.ModelInfer(raw(values, parameters=parameters), timeout=TIMEOUT)
    assert logits(answer).tobytes() == logits(stub.ModelInfer(raw(values), timeout=TIMEOUT)).tobytes()


def test_compressed_requests_are_read(stub: Any) -> None:
    request = raw(windows(8))
    packed = stub.ModelInfer(request, timeout=TIMEOUT, compression=grpc.Compression.Gzip)
    assert logits(packed).tobytes() == logits(stub.ModelInfer(request, timeout=TIMEOUT)).tobytes()


V = windows(2)
BYTES = V.tobytes()
NOT_FINITE = V.copy()
NOT_FINITE[1, 2, 0] = np.inf


def tensor(**fields: Any) -> dict[str, Any]:
    return {"inputs": [Tensor(**{"name": "window", "datatype": "FP32", "shape": V.shape, **fields})]}


def contents(**fields: Any) -> dict[str, Any]:
    return {**tensor(contents=pb.InferTensorContents(**fields)), "raw_input_contents": []}


SHARED = {"shared_memory_region": text("r")}
BAD = [
    ({"model_name": "nobody"}, "NOT_FOUND", "INFERENCE_UNKNOWN", "model_name"),
    ({"model_name": "No Name"}, "NOT_FOUND", "INFERENCE_UNKNOWN", "model_name"),
    ({"model_version": "77"}, "NOT_FOUND", "INFERENCE_UNKNOWN", "model_version"),
    ({"model_version": "3"}, "NOT_FOUND", "INFERENCE_UNKNOWN", "model_version"),
    ({"parameters": {"channel": text("beta")}}, "NOT_FOUND", "INFERENCE_UNKNOWN", "model_name"),
    ({"model_name": ""}, "INVALID_ARGUMENT", "FIELD_REQUIRED", "model_name"),
    ({"model_version": "-1"}, "INVALID_ARGUMENT", "FIELD_INVALID", "model_version"),
    ({"model_version": "one"}, "INVALID_ARGUMENT", "FIELD_INVALID", "model_version"),
    ({"parameters": {"channel": text("Bad Name")}}, "INVALID_ARGUMENT", "FIELD_INVALID", "parameters.channel"),
    (
        {"parameters": {"channel": pb.InferParameter(int64_param=1)}},
        "INVALID_ARGUMENT",
        "FIELD_INVALID",
        "parameters.channel",
    ),
    (
        {"parameters": {"channel": text("stable")}, "model_version": "1"},
        "INVALID_ARGUMENT",
        "FIELD_INVALID",
        "parameters.channel",
    ),
    ({"parameters": {"device": text("nobody")}}, "NOT_FOUND", "INFERENCE_UNKNOWN", "parameters.device"),
    ({"parameters": {"device": text("Bad Id")}}, "INVALID_ARGUMENT", "FIELD_INVALID", "parameters.device"),
    (
        {"parameters": {"device": text("d-1")}, "model_version": "1"},
        "INVALID_ARGUMENT",
        "FIELD_INVALID",
        "parameters.device",
    ),
    (
        {"parameters": {"device": text("d-1"), "channel": text("stable")}},
        "INVALID_ARGUMENT",
        "FIELD_INVALID",
        "parameters.device",
    ),
    ({"inputs": []}, "INVALID_ARGUMENT", "FIELD_INVALID", "inputs"),
    (tensor(name="other"), "INVALID_ARGUMENT", "FIELD_INVALID", "inputs"),
    ({"inputs": 2 * tensor()["inputs"]}, "INVALID_ARGUMENT", "FIELD_INVALID", "inputs"),
    (tensor(datatype="FP64"), "INVALID_ARGUMENT", "FIELD_INVALID", "inputs.window.datatype"),
    (tensor(datatype=""), "INVALID_ARGUMENT", "FIELD_INVALID", "inputs.window.datatype"),
    (tensor(shape=[]), "INVALID_ARGUMENT", "WINDOW_SHAPE_MISMATCH", "inputs.window.shape"),
    (tensor(shape=[3, 2]), "INVALID_ARGUMENT", "WINDOW_SHAPE_MISMATCH", "inputs.window.shape"),
    (tensor(shape=[2, 2, 3]), "INVALID_ARGUMENT", "WINDOW_SHAPE_MISMATCH", "inputs.window.shape"),
    (tensor(shape=[2, 3, 2, 1]), "INVALID_ARGUMENT", "WINDOW_SHAPE_MISMATCH", "inputs.window.shape"),
    (tensor(shape=[0, 3, 2]), "INVALID_ARGUMENT", "FIELD_INVALID", "inputs.window.shape"),
    (tensor(shape=[-2, 3, 2]), "INVALID_ARGUMENT", "FIELD_INVALID", "inputs.window.shape"),
    (tensor(shape=[65, 3, 2]), "INVALID_ARGUMENT", "LIMIT_EXCEEDED", "inputs.window.shape"),
    (tensor(shape=[2**62, 3, 2]), "INVALID_ARGUMENT", "LIMIT_EXCEEDED", "inputs.window.shape"),
    (tensor(parameters=SHARED), "INVALID_ARGUMENT", "FIELD_INVALID", "inputs.window.parameters"),
    ({"raw_input_contents": [BYTES[:-1]]}, "INVALID_ARGUMENT", "FIELD_INVALID", "inputs.window"),
    ({"raw_input_contents": [b""]}, "INVALID_ARGUMENT", "FIELD_INVALID", "inputs.window"),
    ({"raw_input_contents": [BYTES, BYTES]}, "INVALID_ARGUMENT", "FIELD_INVALID", "raw_input_contents"),
    (
        tensor(contents=pb.InferTensorContents(fp32_contents=V.ravel().tolist())),
        "INVALID_ARGUMENT",
        "FIELD_INVALID",
        "raw_input_contents",
    ),
    (
        {"raw_input_contents": [NOT_FINITE.tobytes()]},
        "INVALID_ARGUMENT",
        "SAMPLE_NOT_FINITE",
        "inputs.window",
    ),
    ({"raw_input_contents": []}, "INVALID_ARGUMENT", "FIELD_INVALID", "inputs.window.contents"),
    (contents(fp64_contents=V.ravel().tolist()), "INVALID_ARGUMENT", "FIELD_INVALID", "inputs.window.contents"),
    (contents(fp32_contents=[1.0], int_contents=[1]), "INVALID_ARGUMENT", "FIELD_INVALID", "inputs.window.contents"),
    (contents(fp32_contents=[1.0] * 11), "INVALID_ARGUMENT", "FIELD_INVALID", "inputs.window"),
    ({"outputs": [Output(name="classes")]}, "INVALID_ARGUMENT", "FIELD_INVALID", "outputs"),
    (
        {"outputs": [Output(name="logits", parameters=SHARED)]},
        "INVALID_ARGUMENT",
        "FIELD_INVALID",
        "outputs.logits.parameters",
    ),
    ({"outputs": [top(0)]}, "INVALID_ARGUMENT", "FIELD_INVALID", "outputs.logits.classification"),
    ({"model_name": "arm", "outputs": [top(1)]}, "INVALID_ARGUMENT", "FIELD_INVALID", "outputs.logits.classification"),
    ({"model_name": "faulty"}, "FAILED_PRECONDITION", "SELF_TEST_FAILED", "faulty"),
]


@pytest.mark.parametrize(("fields", "code", "reason", "field"), BAD)
def test_a_bad_request_is_refused_with_the_field(
    stub: Any, fields: dict[str, Any], code: str, reason: str, field: str
) -> None:
    found, info, status = refusal(lambda: stub.ModelInfer(raw(V, **fields), timeout=TIMEOUT))
    assert (found, info.reason, info.metadata["field"]) == (code, reason, field)
    assert info.metadata["remedy"]
    assert ("Request for unknown model" in status.message) == (code == "NOT_FOUND")


def test_a_bad_window_fails_no_other_request_of_its_batch(stub: Any, shelf: Shelf, same: Same) -> None:
    def ask(index: int) -> np.ndarray | str:
        values = windows(2, seed=index)
        if index % 3 == 0:
            values[1, 0, 1] = np.nan
        try:
            return logits(stub.ModelInfer(raw(values), timeout=TIMEOUT))
        except grpc.RpcError as error:
            return str(error.code().name)

    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(ask, range(60)))
    for index, answer in enumerate(found):
        if index % 3 == 0:
            assert answer == "INVALID_ARGUMENT"
        else:
            assert isinstance(answer, np.ndarray)
            assert same(answer, alone(shelf.rover[0], windows(2, seed=index)))
