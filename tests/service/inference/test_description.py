"""What the server tells of itself and of its models, and what it counts."""

import time
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from service.blobs import open_blobs
from service.catalogue.engine import Catalogue, database_url
from service.inference.servicer import SERVICE
from service.inference.stubs import grpc_service_pb2 as pb
from service.inference.stubs.grpc_service_pb2_grpc import GRPCInferenceServiceStub
from tests.service.inference.bundles import bundle, dense, publish, task_of, windows
from tests.service.inference.conftest import Shelf
from tests.service.inference.messages import raw
from tests.service.process import TIMEOUT, ServerProcess, refusal, wait_for


def test_the_server_is_live_and_ready_and_says_what_it_is(stub: Any) -> None:
    assert stub.ServerLive(pb.ServerLiveRequest(), timeout=TIMEOUT).live
    assert stub.ServerReady(pb.ServerReadyRequest(), timeout=TIMEOUT).ready
    found = stub.ServerMetadata(pb.ServerMetadataRequest(), timeout=TIMEOUT)
    assert found.name == "slipway-server" and found.version
    assert list(found.extensions) == ["classification", "model_configuration", "statistics"]


@pytest.mark.parametrize(
    ("name", "version", "ready"),
    [
        ("rover", "", True),
        ("rover", "2", True),
        ("rover", "3", False),
        ("rover", "99", False),
        ("nobody", "", False),
        ("No Name", "", False),
        ("faulty", "", False),
    ],
)
def test_a_model_is_ready_if_it_can_answer(stub: Any, name: str, version: str, ready: bool) -> None:
    request = pb.ModelReadyRequest(name=name, version=version)
    assert stub.ModelReady(request, timeout=TIMEOUT).ready == ready


def test_metadata(stub: Any) -> None:
    found = stub.ModelMetadata(pb.ModelMetadataRequest(name="rover"), timeout=TIMEOUT)
    assert (found.name, list(found.versions), found.platform) == ("rover", ["1", "2"], "onnxruntime_onnx")
    (window,), (logits,) = found.inputs, found.outputs
    assert (window.name, window.datatype, list(window.shape)) == ("window", "FP32", [-1, 3, 2])
    assert (logits.name, logits.datatype, list(logits.shape)) == ("logits", "FP32", [-1, 3])


def test_the_configuration_says_how_requests_are_put_together(stub: Any) -> None:
    config = stub.ModelConfig(pb.ModelConfigRequest(name="rover", version="2"), timeout=TIMEOUT).config
    assert (config.name, config.backend, config.max_batch_size) == ("rover", "onnxruntime", 64)
    assert [(each.name, each.data_type, list(each.dims)) for each in config.input] == [("window", pb.TYPE_FP32, [3, 2])]
    assert [(each.name, each.data_type, list(each.dims)) for each in config.output] == [("logits", pb.TYPE_FP32, [3])]
    assert config.WhichOneof("scheduling_choice") == "dynamic_batching"
    assert config.dynamic_batching.max_queue_delay_microseconds == 4000
    assert not config.model_transaction_policy.decoupled


@pytest.mark.parametrize("method", ["ModelMetadata", "ModelConfig", "ModelStatistics"])
@pytest.mark.parametrize(("name", "version"), [("nobody", ""), ("nobody", "1"), ("rover", "99"), ("x y", "")])
def test_what_is_not_there_is_an_unknown_model(stub: Any, method: str, name: str, version: str) -> None:
    request = getattr(pb, f"{method}Request")(name=name, version=version)
    code, info, status = refusal(lambda: getattr(stub, method)(request, timeout=TIMEOUT))
    assert (code, info.reason) == ("NOT_FOUND", "INFERENCE_UNKNOWN")
    assert "Request for unknown model" in status.message


@pytest.mark.parametrize("method", ["ModelReady", "ModelMetadata", "ModelConfig"])
def test_a_name_is_needed(stub: Any, method: str) -> None:
    code, info, _ = refusal(lambda: getattr(stub, method)(getattr(pb, f"{method}Request")(), timeout=TIMEOUT))
    assert (code, info.reason, info.metadata["field"]) == ("INVALID_ARGUMENT", "FIELD_REQUIRED", "name")


def test_what_was_answered_is_counted(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server()
    catalogue, blobs, task = Catalogue(database_url("", server.folder)), open_blobs("", server.folder), task_of("m")
    for seed in (1, 2):
        publish(catalogue, blobs, bundle(dense(task, seed), task), task, "stable" if seed == 1 else "")
    stub = GRPCInferenceServiceStub(server.channel())
    for count in (1, 4, 4):
        stub.ModelInfer(raw(windows(count), "m"), timeout=TIMEOUT)
    for version in ("1", "2"):
        refusal(lambda v=version: stub.ModelInfer(raw(windows(65), "m", model_version=v), timeout=TIMEOUT))
    every = stub.ModelStatistics(pb.ModelStatisticsRequest(), timeout=TIMEOUT).model_stats
    assert [(each.name, each.version) for each in every] == [("m", "1"), ("m", "2")]
    of_model = stub.ModelStatistics(pb.ModelStatisticsRequest(name="m"), timeout=TIMEOUT).model_stats
    assert list(of_model) == list(every)
    (one,) = stub.ModelStatistics(pb.ModelStatisticsRequest(name="m", version="1"), timeout=TIMEOUT).model_stats
    assert one == every[0]
    assert (one.inference_count, one.execution_count) == (9, 3)
    stats = one.inference_stats
    assert (stats.success.count, stats.fail.count, stats.queue.count) == (3, 1, 3)
    assert [step.count for step in (stats.compute_input, stats.compute_infer, stats.compute_output)] == [3, 3, 3]
    assert stats.success.ns >= stats.queue.ns + stats.compute_infer.ns > 0
    assert [(each.batch_size, each.compute_infer.count) for each in one.batch_stats] == [(1, 1), (4, 2)]
    assert abs(one.last_inference - 1e3 * time.time()) < 600_000
    other = every[1]
    assert (other.inference_count, other.inference_stats.fail.count) == (0, 1)
    catalogue.close()


def test_health_and_reflection_know_the_service(server: ServerProcess, shelf: Shelf) -> None:
    health = health_pb2_grpc.HealthStub(server.channel())
    found = health.Check(health_pb2.HealthCheckRequest(service=SERVICE), timeout=TIMEOUT)
    assert found.status == health_pb2.HealthCheckResponse.SERVING
    assert SERVICE in ProtoReflectionDescriptorDatabase(server.channel()).get_services()


def test_calls_of_the_protocol_that_are_not_served_say_so(server: ServerProcess) -> None:
    call = server.channel().unary_unary(f"/{SERVICE}/RepositoryIndex")
    with pytest.raises(grpc.RpcError) as caught:
        call(b"", timeout=TIMEOUT)
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_the_log_tells_what_went_wrong_and_not_every_answer(stub: Any, server: ServerProcess) -> None:
    stub.ModelInfer(raw(windows(1)), timeout=TIMEOUT)
    refusal(lambda: stub.ModelInfer(raw(windows(1), "nobody"), timeout=TIMEOUT))
    wait_for(lambda: f"/{SERVICE}/ModelInfer NOT_FOUND INFERENCE_UNKNOWN" in server.log.read_text())
    assert f"/{SERVICE}/ModelInfer OK" not in server.log.read_text()
