import numpy as np
import pytest

from export.package import export
from nets.inference import logits
from slipway.bundle import archive
from slipway.bundle.runtime import Runtime
from slipway.errors import Reason, Refused
from tests.export.examples import example, windows


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
    assert [proof.precision for proof in manifest.proofs] == ["float", "int8"]
    assert manifest.proofs == exported.proofs and all(proof.samples == 200 for proof in manifest.proofs)
    assert (manifest.model, manifest.version, manifest.precision) == ("toy", "3", "int8")
    assert manifest.lineage == {"job": "jobs/7"} and manifest.created is None


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
