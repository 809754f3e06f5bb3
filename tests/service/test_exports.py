"""Exports over real gRPC, with the real worker: what a version gets, what an adapted one keeps, and what is proven."""

import hashlib
import io
import json
import zipfile
from typing import Any

import numpy as np
import pytest

from export import integer
from export.calibration import calibrate
from export.float_onnx import float_onnx
from export.folding import fold
from export.graph import to_bytes
from export.host_program import built, compiler
from export.int8 import int8_onnx
from export.mcu.measure import EVIDENCE
from export.mcu.tools import missing
from export.package import EXACT_NAME
from export.proof import run
from export.reading import read
from nets.layers import Conv, Dense, GlobalAveragePool, Normalize, Relu
from nets.model import Model
from service.domain import JobSpec, Lineage, NewVersion, Outcome
from service.worker.context import Context
from service.worker.loop import run_next
from slipway.bundle import archive
from slipway.bundle.runtime import Runtime
from slipway.delta import codec
from slipway.v1 import jobs_pb2 as pb
from slipway.v1 import models_pb2
from tests.export.c.building import needs_compiler
from tests.export.examples import model
from tests.export.mcu.programs import needs_tools
from tests.nets.tasks import task, waves
from tests.service.process import TIMEOUT, ServerProcess, refusal
from tests.service.work import create_job, place_of, pretrain
from tests.service.workshop import Workshop

TASK = task()
GAIN, OFFSET = 1.4, 0.3  # of a device's sensor
MOMENTS = {"scope": "norm_statistics", "objectives": [pb.WeightedObjective(objective="moments")]}
FILES = {"model", "source", "float_onnx", "int8_onnx", "bundle", "c"}


def measured(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Windows as the device reads them."""
    values, labels = waves(count, seed)
    return (GAIN * values + OFFSET).astype(np.float32), labels


@pytest.fixture(scope="module")
def pool(shop: Workshop) -> str:
    return shop.put("pool", TASK, measured(400, 1)[0])


@pytest.fixture(scope="module")
def base(shop: Workshop) -> str:
    source = shop.put("home", TASK, *waves(800, 0))
    spec = pb.PretrainSpec(model_id="waves", dataset=source, architecture="ds_cnn", epoch_count=4, seed=1)
    return done(shop.run(pretrain=spec)).result.version


@pytest.fixture(scope="module")
def early(shop: Workshop, base: str, pool: str) -> tuple[str, Any]:
    """A version that was adapted and exported before its parent was, and the job that did."""
    version = adapt(shop, base, pool)
    return version, export(shop, version, pool)


@pytest.fixture(scope="module")
def exported(shop: Workshop, base: str, early: Any) -> str:
    export(shop, base, "datasets/home")
    return base


@pytest.fixture(scope="module")
def update(shop: Workshop, exported: str, pool: str) -> tuple[str, Any]:
    """An adapted version, and the job that exported it."""
    version = adapt(shop, exported, pool)
    return version, export(shop, version, pool)


def done(job: Any) -> Any:
    assert job.state == pb.Job.SUCCEEDED, job.error
    return job


def export(shop: Workshop, version: str, calibration: str, **options: Any) -> Any:
    return done(shop.run(export=pb.ExportSpec(version=version, calibration=calibration, **options)))


def adapt(shop: Workshop, base: str, target: str, seed: int = 0) -> str:
    spec = pb.AdaptSpec(base=base, target=target, gate_policy=pb.AdaptSpec.REPORT_ONLY, seed=seed, **MOMENTS)
    return str(done(shop.run(adapt=spec)).result.version)


def files(shop: Workshop, version: str) -> dict[str, bytes]:
    """All files of a version."""
    found = shop.server.models.GetVersion(models_pb2.GetVersionRequest(name=version), timeout=TIMEOUT)
    return {each.name.rpartition("/")[2]: shop.fetch(each.name) for each in found.artifacts}


def delta_id(bundle: bytes) -> str:
    return f"delta-{hashlib.sha256(bundle).hexdigest()[:16]}"


def weights(made: dict[str, bytes]) -> dict[str, bytes]:
    """Of the int8 net, by layer."""
    model = Model.from_bytes(made["model"])
    net = read(made["int8_onnx"], fold(model), model.task)
    return {layer.name: layer.weights.tobytes() for layer in net.layers if isinstance(layer, integer.Linear)}


def opened(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as found:
        return {name: found.read(name) for name in found.namelist()}


# A base.


def test_a_version_gets_all_that_devices_run(shop: Workshop, exported: str) -> None:
    found = files(shop, exported)
    assert set(found) == FILES
    bundle = archive.read(found["bundle"])
    assert bundle.graph == found["int8_onnx"] and Runtime(bundle).self_test() == 0
    assert (bundle.manifest.model, bundle.manifest.version, bundle.manifest.precision) == ("waves", "1", "int8")
    witnesses = json.loads(bundle.files[EXACT_NAME])["witnesses"]
    assert witnesses == ["onnxruntime", "numpy", "jax", *(["c99"] if compiler() else [])]


@needs_compiler
@pytest.mark.parametrize("number", [1, 3])
def test_its_c_unpacks_and_answers_in_the_same_bytes(shop: Workshop, update: tuple[str, Any], number: int) -> None:
    found = files(shop, f"models/waves/versions/{number}")
    values, _ = measured(64, 7)
    with built(opened(found["c"]), traced=False) as program:
        assert program.run(values, 3).tobytes() == run(found["int8_onnx"], values).tobytes()


def test_the_same_export_gives_the_same_files(shop: Workshop, exported: str) -> None:
    before = files(shop, exported)
    export(shop, exported, "datasets/home")
    assert files(shop, exported) == before


# An adapted version.


def test_a_delta_makes_the_adapted_bundle_out_of_the_parents(shop: Workshop, exported: str, update: Any) -> None:
    parent, made = files(shop, exported), files(shop, update[0])
    delta = made[delta_id(parent["bundle"])]
    assert codec.apply(parent["bundle"], delta) == made["bundle"]
    assert len(delta) < 3000 < len(made["bundle"])
    bundle = archive.read(made["bundle"])
    assert Runtime(bundle).self_test() <= bundle.manifest.self_test_tolerance
    assert (bundle.manifest.version, bundle.manifest.lineage["version"]) == ("3", update[0])
    assert [proof.tolerance for proof in bundle.manifest.proofs][2] == 0.0


def test_an_adapted_version_keeps_its_parents_weights_and_the_job_says_so(
    shop: Workshop, exported: str, update: Any
) -> None:
    version, job = update
    parent, made = files(shop, exported), files(shop, version)
    assert weights(made) == weights(parent) and made["int8_onnx"] != parent["int8_onnx"]
    said = job.result.explanation
    assert "keeps the int8 file of waves/1" in said and "no weight was rounded anew" in said
    assert f"{len(made['bundle']):,} bytes" in said and f"{len(made[delta_id(parent['bundle'])]):,}." in said


def test_an_independent_export_keeps_nothing(shop: Workshop, exported: str, pool: str) -> None:
    version = adapt(shop, exported, pool, seed=1)
    job = export(shop, version, pool, independent=True)
    parent, made = files(shop, exported), files(shop, version)
    assert weights(made) != weights(parent) and "keeps" not in job.result.explanation
    delta = made[delta_id(parent["bundle"])]
    assert codec.apply(parent["bundle"], delta) == made["bundle"] and len(delta) > 3000


def test_without_the_parents_bundle_nothing_is_kept_and_the_job_says_why(shop: Workshop, early: Any) -> None:
    version, job = early
    assert "Nothing was kept of waves/1: it has no int8 bundle" in job.result.explanation
    assert not any(name.startswith("delta-") for name in files(shop, version))


def test_a_fine_tuned_export_says_what_rounding_cost(shop: Workshop, exported: str) -> None:
    labelled = shop.put("labelled", TASK, *measured(300, 3))
    version = adapt(shop, exported, labelled, seed=2)
    job = export(shop, version, labelled, fine_tune=True)
    said = job.result.explanation
    assert "rounding costs" in said and "points calibrated: nothing was learned" in said and "keeps" not in said
    assert Runtime(archive.read(files(shop, version)["bundle"])).self_test() == 0


# A graph that no layer describes.


@pytest.fixture(scope="module")
def foreign(shop: Workshop, server: ServerProcess) -> dict[str, str]:
    """Versions that hold a graph and no model, by the graph's precision."""
    made = model((Normalize(), Conv(8, 5), Relu(), GlobalAveragePool(), Dense(3)), (16, 3))
    graphs = {
        "float": to_bytes(float_onnx(made)),
        "int8": to_bytes(int8_onnx(calibrate(fold(made), measured(200, 4)[0]).net, made.task)),
    }
    return {precision: brought(server, f"foreign-{precision}", precision, graph) for precision, graph in graphs.items()}


def brought(server: ServerProcess, model_id: str, precision: str, graph: bytes) -> str:
    """A version whose only file is a graph."""

    def bring(spec: JobSpec, context: Context) -> Outcome:
        files = {f"{precision}_onnx": graph}
        return Outcome(version=NewVersion(model_id, TASK.to_json(), Lineage("imported"), 0, files))

    job, place = create_job(server, **pretrain(model_id)), place_of(server, pretrain=bring)
    assert run_next(place)
    place.catalogue.close()
    return str(server.jobs.GetJob(pb.GetJobRequest(name=job.name), timeout=TIMEOUT).result.version)


@pytest.mark.parametrize("precision", ["float", "int8"])
def test_a_graph_without_a_model_is_packed_as_it_is(
    shop: Workshop, foreign: dict[str, str], pool: str, precision: str
) -> None:
    job = export(shop, foreign[precision], pool)
    found = files(shop, foreign[precision])
    assert set(found) == {f"{precision}_onnx", "bundle", *(["c"] if precision == "int8" else [])}
    bundle = archive.read(found["bundle"])
    assert bundle.graph == found[f"{precision}_onnx"] and bundle.manifest.precision == precision
    assert bundle.manifest.task == TASK and len(bundle.inputs) == 16 and Runtime(bundle).self_test() == 0
    assert f"{precision}_onnx was packed as it is" in job.result.explanation
    assert (EXACT_NAME in bundle.files) == (precision == "int8" and compiler() is not None)


@pytest.mark.parametrize(
    ("precision", "options", "words"),
    [
        ("int8", {"fine_tune": True}, "export.fine_tune: needs a version whose layers are known"),
        ("float", {"cores": ["cortex-m3"]}, "export.cores: need an int8 graph"),
    ],
)
def test_a_graph_without_a_model_takes_no_other_option(
    shop: Workshop, foreign: dict[str, str], pool: str, precision: str, options: dict[str, Any], words: str
) -> None:
    if "cores" in options and missing():
        pytest.skip("the tools are missing")
    job = shop.run(export=pb.ExportSpec(version=foreign[precision], calibration=pool, **options))
    assert job.state == pb.Job.FAILED and words in job.error.message


# Emulated cores.


@needs_tools
def test_a_bundle_tells_what_it_needs_on_the_cores_that_were_named(shop: Workshop, exported: str, pool: str) -> None:
    version = adapt(shop, exported, pool, seed=3)
    options = pb.CodeOptions(integer_arithmetic=True, simd=True)
    said = export(shop, version, pool, cores=["cortex-m4f"], code=options).result.explanation
    found = files(shop, version)
    (board,) = json.loads(archive.read(found["bundle"]).files[EVIDENCE])["boards"]
    assert (board["board"], board["differing_bytes"]) == ("cortex-m4f", 0) and board["windows"] >= 8
    assert 0 < board["ram_bytes"] < board["flash_bytes"] and board["instructions"] > 1000
    assert f"On cortex-m4f it takes {board['flash_bytes']:,} bytes of flash" in said
    assert b"arm_acle.h" in opened(found["c"])["model.c"]


@pytest.mark.skipif(bool(missing()), reason="the tools are missing anyway")
def test_a_server_without_the_tools_says_which(shop: Workshop, exported: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    job = shop.run(export=pb.ExportSpec(version=exported, calibration="datasets/home", cores=["cortex-m3"]))
    assert job.state == pb.Job.FAILED
    assert "export.cores" in job.error.message and "qemu-system-arm" in job.error.message


def test_a_core_that_nobody_knows_is_refused_at_once(server: ServerProcess, exported: str) -> None:
    spec = pb.ExportSpec(version=exported, calibration="datasets/home", cores=["cortex-m0"])
    code, info, status = refusal(lambda: create_job(server, export=spec))
    assert (code, info.metadata["field"]) == ("INVALID_ARGUMENT", "job.export.cores")
    assert "cortex-m4f" in info.metadata["remedy"] and "cortex-m0" in status.message
