import json
from dataclasses import replace

import numpy as np
import pytest

from export.c import generate
from export.code import CodeOptions
from export.code import archive as archive_of
from export.mcu.boards import CORTEX_M4F
from export.mcu.measure import EVIDENCE, evidence
from export.package import EXACT_NAME, export
from nets.inference import logits
from nets.pretraining import Recipe
from slipway.bundle import archive
from slipway.bundle.runtime import Runtime
from slipway.errors import Reason, Refused
from slipway.spec import Channel
from tests.export.c.building import needs_compiler
from tests.export.examples import example, windows
from tests.export.mcu.programs import needs_tools


def export_example(name: str = "separable", **options):
    made = example(name)
    values = windows(made, 400)
    arguments = {
        "calibration_values": values[:200],
        "proof_values": values[200:],
        "self_test_values": values[:8],
        "lineage": {"job": "jobs/7"},
        "version": "3",
    }
    return made, values, export(made, **{**arguments, **options})


@pytest.mark.parametrize("name", ["mlp", "ring", "cnn", "separable"])
def test_a_bundle_answers_as_the_model(name):
    made, values, exported = export_example(name)
    runtime = Runtime(archive.read(exported.bundle))
    assert runtime.self_test() == 0
    agreement = (runtime.logits(values).argmax(1) == logits(made, values).argmax(1)).mean()
    assert agreement >= 0.98


def test_the_manifest_tells_what_was_proven():
    _, _, exported = export_example()
    manifest = archive.read(exported.bundle).manifest
    assert [proof.precision for proof in manifest.proofs] == ["float", "int8", "int8"]
    assert manifest.proofs == exported.proofs and all(proof.samples == 200 for proof in manifest.proofs)
    assert (manifest.model, manifest.version, manifest.precision) == ("toy", "3", "int8")
    assert manifest.proofs[2].tolerance == 0 and manifest.proofs[2].max_difference == 0  # byte by byte
    assert manifest.lineage == {"job": "jobs/7"} and manifest.created is None


def test_the_bundle_tells_what_was_compared_byte_by_byte():
    _, _, exported = export_example("cnn")
    found = json.loads(archive.read(exported.bundle).files[EXACT_NAME])
    assert found == exported.exact.to_json() and found["witnesses"] == ["onnxruntime", "numpy", "jax"]
    assert (found["tensors"], found["windows"], found["differing"]) == (9, 200, 0)
    assert [row.tensor for row in exported.calibration.losses][:2] == ["entry", "1.weights"]


def test_fine_tuning_is_told_of_and_its_net_is_proven_against_the_model():
    _, _, exported = export_example("cnn", fine_tune=True)
    assert exported.tuned is not None and exported.tuned.chosen in exported.tuned.costs
    assert exported.calibration is exported.tuned.calibration and exported.proofs[1].agreement >= 0.98


def test_a_fine_tuning_takes_its_options_and_tells_how_far_it_is():
    seen = []
    tuning = {"loss_limit": -1.0, "recipe": Recipe(epochs=2, batch_size=64), "progress": seen.append}
    labels = np.arange(200, dtype=np.int32) % 4
    _, _, exported = export_example("mlp", fine_tune=True, calibration_labels=labels, tuning=tuning)
    assert list(exported.tuned.costs) == ["calibrated", "equalized", "learned"]
    assert [row.epoch for row in seen][-1] == 2


@needs_compiler
def test_c_is_a_fourth_witness_of_every_byte():
    _, _, exported = export_example("cnn", code=CodeOptions())
    assert exported.code.archive == archive_of(generate(exported.int8_onnx).files)
    assert exported.exact.witnesses == ("onnxruntime", "numpy", "jax", "c99")
    files = archive.read(exported.bundle).files
    assert json.loads(files[EXACT_NAME]) == exported.exact.to_json() and EVIDENCE not in files


@needs_tools
def test_the_bundle_tells_what_it_needs_on_a_board():
    _, _, exported = export_example("cnn", code=CodeOptions(simd=True, boards=(CORTEX_M4F,)))
    assert archive.read(exported.bundle).files[EVIDENCE] == evidence(exported.code.measured)
    assert [(one.board, one.windows) for one in exported.code.measured] == [("cortex-m4f", 8)]


def test_a_float_bundle_has_no_c():
    assert export_example(precision="float", code=CodeOptions())[2].code is None


def test_the_same_model_gives_the_same_bundle():
    assert export_example()[2].bundle == export_example()[2].bundle


def test_a_float_bundle_holds_the_float_graph():
    _, _, exported = export_example(precision="float")
    bundle = archive.read(exported.bundle)
    assert bundle.graph == exported.float_onnx and exported.int8_onnx is None and bundle.manifest.precision == "float"


def test_a_graph_that_differs_from_the_model_gives_no_file():
    with pytest.raises(Refused) as refused:
        export_example(reference=lambda model, values: logits(model, values) + np.float32(0.05))
    assert refused.value.reason is Reason.EXPORT_DIFFERS


def test_an_int8_graph_that_is_too_coarse_gives_no_file():
    with pytest.raises(Refused) as refused:
        export_example(int8_tolerance=1e-6)
    assert refused.value.reason is Reason.EXPORT_DIFFERS and refused.value.details["precision"] == "int8"


def test_windows_of_another_sensor_are_refused():
    other = windows(example("cnn"), 4)
    for argument in ("calibration_values", "proof_values", "self_test_values"):
        with pytest.raises(Refused) as refused:
            export_example(**{argument: other})
        assert refused.value.reason is Reason.WINDOW_SHAPE_MISMATCH and refused.value.field == argument


def test_a_self_test_needs_a_window():
    with pytest.raises(Refused) as refused:
        export_example(self_test_values=windows(example("separable"), 0))
    assert refused.value.reason is Reason.FIELD_REQUIRED


def test_an_unknown_precision_is_refused():
    with pytest.raises(Refused) as refused:
        export_example(precision="int4")
    assert refused.value.reason is Reason.FIELD_INVALID


def test_a_regression_travels_like_any_other():
    chosen = example("cnn")
    outputs = tuple(Channel(f"torque_{joint}", "N.m") for joint in range(len(chosen.task.classes)))
    model = replace(chosen, task=replace(chosen.task, classes=(), outputs=outputs))
    values = windows(model, 64)
    made = export(
        model, calibration_values=values, proof_values=values, self_test_values=values[:4], lineage={}, version="1"
    )
    found = Runtime(archive.read(made.bundle)).logits(values)
    assert found.shape == (64, len(outputs))
    assert np.abs(found - logits(model, values)).max() < 0.15 * np.abs(found).max()
