"""Graphs from elsewhere as versions: what is made of them, what can be done with them, and files made to do harm."""

import hashlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from google.rpc import error_details_pb2
from onnx import TensorProto, helper

from export import steps as s
from export.calibration import quantize
from export.folding import fold
from export.graph import to_bytes
from export.int8 import int8_onnx
from export.proof import run
from nets.model import Model, parameter_count
from service.domain import GRAPH
from service.worker.context import Cancelled
from service.worker.loop import run_next
from service.worker.pipelines.reading import Limits, read_apart
from slipway.bundle import archive
from slipway.bundle.runtime import Runtime
from slipway.errors import Reason, Refused
from slipway.spec import TaskSpec
from slipway.v1 import jobs_pb2 as pb
from slipway.v1 import models_pb2, spec_pb2
from tests.export.examples import example, windows
from tests.export.test_importing import NODES, RUNNABLE, TASK, graph, original, rewritten
from tests.service.process import TIMEOUT, refusal
from tests.service.workshop import Workshop, channels_of, sensor_of

NAMES = map("m{}".format, itertools.count())
VALUES = np.random.default_rng(1).normal(size=(64, 32, 6)).astype(np.float32)
BRANCH = graph(RUNNABLE["a branch"][0])


def message_of(task: TaskSpec) -> spec_pb2.TaskSpec:
    return spec_pb2.TaskSpec(
        name=task.name, sensor=sensor_of(task.sensor), classes=task.classes, outputs=channels_of(task.outputs)
    )


def imported(shop: Workshop, data: bytes, task: TaskSpec = TASK, model: str = "", **fields: Any) -> Any:
    """Send a graph and run its job to its end."""
    spec = pb.ImportSpec(model_id=model or next(NAMES), task=message_of(task), **fields)
    header = models_pb2.ImportHeader(spec=spec, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())

    def messages() -> Iterator[models_pb2.ImportModelRequest]:
        yield models_pb2.ImportModelRequest(header=header)
        for first in range(0, len(data), 1 << 20):
            yield models_pb2.ImportModelRequest(data=data[first : first + (1 << 20)])

    name = shop.server.models.ImportModel(messages(), timeout=TIMEOUT).name
    assert run_next(shop.place)
    return shop.server.jobs.GetJob(pb.GetJobRequest(name=name), timeout=TIMEOUT)


def version_of(shop: Workshop, job: Any) -> Any:
    assert job.state == pb.Job.SUCCEEDED, job.error
    return shop.server.models.GetVersion(models_pb2.GetVersionRequest(name=job.result.version), timeout=TIMEOUT)


def files_of(shop: Workshop, version: Any) -> dict[str, bytes]:
    return {each.name.rpartition("/")[2]: shop.fetch(each.name) for each in version.artifacts}


def failure(shop: Workshop, data: bytes) -> tuple[str, str]:
    """Reason and field of an import that must fail."""
    job = imported(shop, data)
    assert job.attempt_count == 1, "its worker lived on"
    info = refusal_of(job)
    assert info["remedy"] and "bundle" not in job.error.message
    return info["reason"], info["field"]


def refusal_of(job: Any) -> dict[str, str]:
    assert job.state == pb.Job.FAILED
    info = error_details_pb2.ErrorInfo()
    assert job.error.details[0].Unpack(info)
    return {"reason": info.reason, **info.metadata}


def test_a_float_graph_of_layers_becomes_a_base(shop: Workshop) -> None:
    job = imported(shop, graph())
    version = version_of(shop, job)
    files = files_of(shop, version)
    assert set(files) == {"model", "float_onnx", "source"}
    assert version.lineage.method == "imported" and "adapts" in job.result.explanation
    assert [(row.name, row.sha256) for row in version.lineage.data] == [(GRAPH, hashlib.sha256(graph()).hexdigest())]
    model = Model.from_bytes(files["model"])
    assert model.task == TASK and version.parameter_count == parameter_count(model)
    wanted = original(graph(), VALUES)
    np.testing.assert_allclose(run(files["float_onnx"], VALUES), wanted, atol=1e-5)
    np.testing.assert_allclose(s.run(fold(model), VALUES), wanted, atol=1e-5)
    assert shop.fetch(f"{job.name}/artifacts/{GRAPH}") == graph(), "the file as it was sent stays with the job"


def test_such_a_base_is_adapted_and_exported(shop: Workshop) -> None:
    version = imported(shop, graph(), model="way").result.version
    pool = shop.put("way", TASK, 1.5 * VALUES + 0.2)
    spec = pb.AdaptSpec(
        base=version,
        target=pool,
        scope="norm_statistics",
        objectives=[pb.WeightedObjective(objective="moments")],
        gate_policy=pb.AdaptSpec.REPORT_ONLY,
    )
    adapted = shop.run(adapt=spec)
    assert adapted.result.version == "models/way/versions/2", adapted.error
    for each in (version, adapted.result.version):
        exported = shop.run(export=pb.ExportSpec(version=each, calibration=pool))
        assert exported.state == pb.Job.SUCCEEDED, exported.error
        found = shop.server.models.GetVersion(models_pb2.GetVersionRequest(name=each), timeout=TIMEOUT)
        assert {"bundle", "int8_onnx", "float_onnx"} <= {a.name.rpartition("/")[2] for a in found.artifacts}


def test_an_int8_graph_becomes_a_version_that_runs_and_is_packed_for_devices(shop: Workshop) -> None:
    made = example("cnn")
    data = to_bytes(int8_onnx(quantize(fold(made), windows(made, 64)).net, made.task))
    version = version_of(shop, imported(shop, data, made.task))
    files, values = files_of(shop, version), windows(made, 40)
    assert set(files) == {"int8_onnx"} and version.parameter_count > 0
    assert "only runs" in version.lineage.method
    np.testing.assert_array_equal(run(files["int8_onnx"], values), run(data, values))
    pool = shop.put("packed", made.task, values)
    exported = shop.run(export=pb.ExportSpec(version=version.name, calibration=pool))
    assert exported.state == pb.Job.SUCCEEDED, exported.error
    bundle = archive.read(shop.fetch(f"{version.name}/artifacts/bundle"))
    np.testing.assert_array_equal(Runtime(bundle).logits(values), run(data, values))
    labelled = shop.put("measured", made.task, values, run(data, values).argmax(1).astype(np.int32))
    measured = shop.run(
        evaluate=pb.EvaluateSpec(version=version.name, dataset=labelled, form=pb.EvaluateSpec.INT8_ONNX)
    )
    assert measured.result.evaluation.accuracy == 1.0, measured.error


@pytest.fixture(scope="module")
def branched(shop: Workshop) -> Any:
    """The job of a graph that no chain of layers describes."""
    return imported(shop, BRANCH, model="branched")


def test_what_no_layer_describes_is_named_in_the_result_and_in_the_lineage(shop: Workshop, branched: Any) -> None:
    version = version_of(shop, branched)
    assert set(files_of(shop, version)) == {"float_onnx"}
    for words in (branched.result.explanation, version.lineage.method):
        assert RUNNABLE["a branch"][1] in words


@pytest.mark.parametrize("kind", ["Tanh", "Gelu"])
def test_names_of_any_length_and_kind_stay_short_words(shop: Workshop, kind: str) -> None:
    def spoiled(model: onnx.ModelProto) -> None:
        model.opset_import[0].version = 20
        model.graph.node[2].op_type, model.graph.node[2].name = kind, "\x1b[2J\n" + "n" * 100_000

    job = imported(shop, rewritten(spoiled))
    words = job.result.explanation or job.error.message
    assert "n" * 50 in words and words.isprintable() and len(words) < 1000
    assert not job.result.version or len(version_of(shop, job).lineage.method) < 300


def test_a_version_that_only_runs_is_not_learned_on_from(shop: Workshop, branched: Any) -> None:
    version, pool = branched.result.version, shop.put("branched", TASK, VALUES, np.zeros(64, np.int32))
    profile = pb.DeviceProfile(name="gateway")
    specs: dict[str, Any] = {
        "adapt": pb.AdaptSpec(base=version, target=pool),
        "evaluate": pb.EvaluateSpec(version=version, dataset=pool),
        "fit": pb.FitSpec(model_id="small", base=version, dataset=pool, profile=profile),
    }
    for kind, spec in specs.items():
        request = pb.CreateJobRequest(job=pb.Job(**{kind: spec}))
        _, info, status = refusal(lambda request=request: shop.server.jobs.CreateJob(request, timeout=TIMEOUT))
        assert info.metadata["field"] == f"job.{kind}.{'version' if kind == 'evaluate' else 'base'}"
        assert version in status.message and "s (Add)" in status.message
        assert "float_onnx" in info.metadata["remedy"]


def test_a_model_keeps_its_task(shop: Workshop, branched: Any) -> None:
    job = imported(shop, graph(), TaskSpec("other", TASK.sensor, TASK.classes), model="branched")
    assert refusal_of(job)["reason"] == "TASK_MISMATCH"


def test_a_window_as_long_as_wide_needs_its_layout(shop: Workshop) -> None:
    square = TaskSpec("square", type(TASK.sensor)(TASK.sensor.channels, 50.0, 6), TASK.classes)
    data = graph(shape=("batch", 6, 6))
    job = imported(shop, data, square)
    assert "layout" in refusal_of(job)["remedy"]
    version = version_of(shop, imported(shop, data, square, layout=pb.ImportSpec.CHANNELS_TIME))
    values = VALUES[:, :6]
    answers = run(files_of(shop, version)["float_onnx"], values)
    np.testing.assert_allclose(answers, original(data, values), atol=1e-5)


# Files made to do harm.


def _external(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def _huge(model: onnx.ModelProto) -> None:
    """The same window padded to 2⁴⁰ samples."""
    ends = helper.make_tensor("ends", TensorProto.INT64, [6], [0, 0, 0, 0, 0, 1 << 40])
    model.graph.initializer.append(ends)
    model.graph.node.insert(0, helper.make_node("Pad", ["x", "ends"], ["long"], "long"))
    model.graph.node[1].input[0] = "long"


def _promised(model: onnx.ModelProto) -> None:
    """Weights of 2⁵⁰ numbers, of which none is there."""
    model.graph.initializer[0].dims[:] = [1 << 20, 1 << 20, 1 << 10]


def _length(count: int) -> bytes:
    found = b""
    while count > 0x7F:
        found, count = found + bytes([0x80 | count & 0x7F]), count >> 7
    return found + bytes([count])


def part(field: int, content: bytes) -> bytes:
    """A field of a protobuf message."""
    return bytes([field << 3 | 2]) + _length(len(content)) + content


def nested(depth: int) -> bytes:
    """A graph whose input's type is a sequence of a sequence of …; field numbers from onnx.proto."""
    kind = b""
    for _ in range(depth):
        kind = part(4, part(1, kind))
    return graph() + part(7, part(11, part(2, kind)))


def crowd(count: int) -> bytes:
    """More nodes for a graph, of two bytes each, which a parser makes hundreds of."""
    return part(7, b"\x0a\x00" * count)


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "external data": (lambda: rewritten(_external), "graph.graph.tensor"),
    "a tensor of 2⁴⁰ samples": (lambda: rewritten(_huge), "graph"),
    "weights that are not there": (lambda: rewritten(_promised), "graph"),
    "a nest of 20,000 types": (lambda: nested(20_000), "graph"),
    "a crowd of empty nodes, in many parts that a parser joins": (lambda: graph() + crowd(100) * 3000, "graph"),
    "64 MiB of noise": (lambda: np.random.default_rng(0).bytes(64 << 20), "graph"),
    "an operator outside the set": (
        lambda: graph([*NODES[:5], ("Gelu", ["c2"], "r2", {}), *NODES[6:]], opset=20), "graph.node.r2",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_fails_its_own_job_only(shop: Workshop, name: str) -> None:
    make, field = HOSTILE[name]
    reason, found = failure(shop, make())
    assert reason in ("FIELD_INVALID", "LIMIT_EXCEEDED") and found.startswith(field)


@pytest.mark.parametrize("limits", [Limits(memory_bytes=16 << 20), Limits(seconds=0.2)], ids=["memory", "time"])
def test_a_reader_that_wants_too_much_dies_alone(tmp_path: Path, limits: Limits) -> None:
    with pytest.raises(Refused) as refused:
        read_apart(graph(), TASK.to_json(), "", tmp_path, lambda: False, limits)
    assert (refused.value.reason, refused.value.field) == (Reason.FIELD_INVALID, "graph")
    assert "did not survive" in refused.value.message


def test_a_cancelled_import_ends_its_reader(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        read_apart(graph(), TASK.to_json(), "", tmp_path, lambda: True)


def test_a_bug_of_the_reader_is_told_as_one(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="KeyError"):
        read_apart(graph(), TASK.to_json(), "sideways", tmp_path, lambda: False)
