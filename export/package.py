"""From a model to a bundle: fold, calibrate, write, prove, pack. Nothing is returned unless every proof holds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from export import integer
from export.calibration import Calibration, calibrate
from export.float_onnx import float_onnx
from export.folding import fold
from export.graph import to_bytes
from export.int8 import int8_onnx
from export.proof import entered, prove, prove_exact, run
from export.steps import INEXACT, Floats
from nets.model import Model
from slipway.bundle import samples
from slipway.bundle.archive import SELF_TEST_LIMIT, pack
from slipway.bundle.manifest import (
    GRAPH,
    PRECISIONS,
    SELF_TEST_INPUTS,
    SELF_TEST_OUTPUTS,
    Manifest,
    Proof,
    Scalar,
    file_entry,
)
from slipway.errors import Reason, Refused
from slipway.windows import Values, check_values

Reference = Callable[[Model, Values], Floats]  # logits (batch, classes) of windows (batch, time, channels)
EXACT_LIMIT = 1024  # windows over which the integer arithmetic is compared number by number
SELF_TEST_SHARE = 1e-3  # of the largest logit: what a device's processor may round differently


@dataclass(frozen=True, eq=False)
class Exported:
    """The files of one export, each proven.

    Args:
        int8_onnx: None if only float was asked for.
        bundle: holds the graph of the precision asked for.
        calibration: what was chosen for the int8 net, or None.
    """

    float_onnx: bytes
    int8_onnx: bytes | None
    bundle: bytes
    proofs: tuple[Proof, ...]
    calibration: Calibration | None


def export(
    model: Model,
    *,
    calibration_values: Values,
    proof_values: Values,
    self_test_values: Values,
    lineage: Mapping[str, Scalar],
    version: str,
    precision: str = "int8",
    name: str | None = None,
    created: str | None = None,
    reference: Reference | None = None,
    int8_tolerance: float | None = None,
    int8_agreement: float | None = None,
) -> Exported:
    """Export a model as float and int8 ONNX and pack the bundle a device installs.

    Args:
        model: what to export.
        calibration_values: windows (batch, time, channels) of where it will serve, without labels; for int8.
        proof_values: real windows on which the graphs are compared with the model.
        self_test_values: windows that travel in the bundle; at most ``SELF_TEST_LIMIT`` are kept.
        lineage: where the model came from; flat.
        version: e.g. ``"7"``.
        precision: ``"int8"`` or ``"float"``, of the bundle's graph.
        name: resource id in the bundle; the task's name by default.
        created: RFC 3339 in UTC, or None.
        reference: the model's own logits; JAX (``nets.inference.logits``) by default.
        int8_tolerance: see ``proof.prove``.
        int8_agreement: see ``proof.prove``.

    Raises:
        Refused: EXPORT_DIFFERS, EXPORT_UNSUPPORTED, ACCUMULATOR_OVERFLOW, or a reason of the windows and the manifest.
    """
    _check_precision(precision)
    sensor = model.task.sensor
    proving = check_values(proof_values, sensor, "proof_values")
    testing = check_values(self_test_values, sensor, "self_test_values")[:SELF_TEST_LIMIT]
    expected = (reference or _jax_logits)(model, proving)
    float_graph = to_bytes(float_onnx(model))
    proofs: tuple[Proof, ...] = (prove(float_graph, proving, expected, precision="float"),)
    calibration, int8_graph = None, None
    if precision == "int8":
        calibration = calibrate(fold(model), check_values(calibration_values, sensor, "calibration_values"))
        int8_graph = to_bytes(int8_onnx(calibration.net, model.task))
        limits = {"tolerance": int8_tolerance, "agreement": int8_agreement}
        proofs += (prove(int8_graph, proving, expected, precision="int8", **limits),)
        some = proving[:EXACT_LIMIT]
        prove_exact(int8_graph, some, _in_integers(calibration.net, int8_graph, some))
    graph = int8_graph or float_graph
    bundle = pack_graph(
        graph,
        testing,
        model=name or model.task.name,
        version=version,
        task=model.task,
        precision=precision,
        lineage=lineage,
        proofs=proofs,
        created=created,
    )
    return Exported(float_graph, int8_graph, bundle, proofs, calibration)


def _in_integers(net: integer.Int8Net, graph: bytes, values: Floats) -> Floats:
    """Logits by the integer arithmetic.

    Two libraries agree on a spectrum's logarithm or a vector's norm to the last bits only, and one of them is enough
    for another byte: the integer layers are then compared on the bytes that the graph itself gives them.
    """
    if not any(isinstance(step, INEXACT) for step in net.front):
        return integer.logits(net, values)
    return integer.after(net, entered(graph, values))


def pack_graph(graph: bytes, self_test_values: Values, **description: Any) -> bytes:
    """The bundle of a graph: its answers to ``self_test_values`` travel with it.

    Args:
        graph: an ONNX file.
        self_test_values: windows (count, time, channels), 1 to ``SELF_TEST_LIMIT``.
        description: the other fields of ``slipway.bundle.manifest.Manifest``.

    Raises:
        Refused: a reason of the manifest or the bundle.
    """
    if len(self_test_values) == 0:
        raise Refused(Reason.FIELD_REQUIRED, field="self_test_values")
    outputs = run(graph, self_test_values)
    parts = {
        "graph.onnx": (GRAPH, graph),
        "self_test_inputs.npy": (SELF_TEST_INPUTS, samples.encode(self_test_values)),
        "self_test_outputs.npy": (SELF_TEST_OUTPUTS, samples.encode(outputs)),
    }
    entries = {name: file_entry(role, data) for name, (role, data) in parts.items()}
    tolerance = float(SELF_TEST_SHARE * max(np.abs(outputs).max(), 1.0))
    manifest = Manifest(files=entries, self_test_tolerance=tolerance, **description)
    return pack(manifest, {name: data for name, (_, data) in parts.items()})


def _check_precision(precision: str) -> None:
    if precision not in PRECISIONS:
        remedy = f"Use one of {', '.join(PRECISIONS)}."
        raise Refused(
            Reason.FIELD_INVALID, field="precision", problem="is not known", found=repr(precision), remedy=remedy
        )


def _jax_logits(model: Model, values: Values) -> Floats:
    import jax  # here, so that an export with another reference needs no compiler

    from nets.inference import logits

    with jax.default_matmul_precision("highest"):  # accelerators else multiply in fewer bits than the graph does
        return logits(model, values)
