"""From a model to a bundle: fold, calibrate, write, prove, pack. Nothing is returned unless every proof holds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from export import reference as home
from export.calibration import Calibration, calibrate
from export.code import Code, CodeOptions
from export.evidence import EXACT_NAME as EXACT_NAME
from export.evidence import show
from export.fine_tuning import FineTuned, fine_tuned
from export.float_onnx import float_onnx
from export.folding import fold
from export.graph import to_bytes
from export.int8 import int8_onnx
from export.proof import Exact, prove, run
from export.steps import Floats
from nets.model import Model
from slipway.bundle import samples
from slipway.bundle.archive import SELF_TEST_LIMIT, pack
from slipway.bundle.manifest import (
    EXTRA,
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
from slipway.windows import Answers, Values, check_values

Reference = Callable[[Model, Values], Floats]  # logits (batch, classes) of windows (batch, time, channels)
SELF_TEST_SHARE = 1e-3  # of the largest logit: what a device's processor may round differently


@dataclass(frozen=True, eq=False)
class Exported:
    """The files of one export, each proven.

    Args:
        int8_onnx: None if only float was asked for.
        bundle: holds the graph of the precision asked for.
        calibration: what was chosen for the int8 net, or None.
        exact: what was compared byte by byte, or None; the bundle holds it as ``EXACT_NAME``.
        tuned: how the fine-tuning went that was asked for, or None.
        code: the C of the int8 net that was asked for, or None.
    """

    float_onnx: bytes
    int8_onnx: bytes | None
    bundle: bytes
    proofs: tuple[Proof, ...]
    calibration: Calibration | None
    exact: Exact | None = None
    tuned: FineTuned | None = None
    code: Code | None = None


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
    fine_tune: bool = False,
    calibration_labels: Answers | None = None,
    tuning: Mapping[str, Any] | None = None,
    code: CodeOptions | None = None,
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
        fine_tune: learn on where int8 loses more than ``fine_tuning.LOSS_LIMIT``; takes a training's time.
        calibration_labels: answers to ``calibration_values`` for the fine-tuning, -1 or NaN where nobody said; without
            any it learns from the model's own answers.
        tuning: options of ``fine_tuning.fine_tuned``, hooks among them.
        code: how the C of the int8 net is written, and the boards that it is proven on; None for no C.

    Raises:
        Refused: EXPORT_DIFFERS, EXPORT_UNSUPPORTED, ACCUMULATOR_OVERFLOW, or a reason of the windows and the manifest.
    """
    _check_precision(precision)
    sensor, decides = model.task.sensor, not model.task.outputs
    proving = check_values(proof_values, sensor, "proof_values")
    testing = check_values(self_test_values, sensor, "self_test_values")[:SELF_TEST_LIMIT]
    expected = (reference or learned_logits)(model, proving)
    float_graph = to_bytes(float_onnx(model))
    proofs: tuple[Proof, ...] = (prove(float_graph, proving, expected, precision="float", decides=decides),)
    calibration, int8_graph, tuned, shown = None, None, None, None
    if precision == "int8":
        known = check_values(calibration_values, sensor, "calibration_values")
        tuned = fine_tuned(model, known, calibration_labels, **(tuning or {})) if fine_tune else None
        calibration = tuned.calibration if tuned else calibrate(fold(model), known, decides=decides)
        int8_graph = to_bytes(int8_onnx(calibration.net, model.task))
        how = {"decides": decides, "compiled": reference is None, "code": code, "core_values": testing}
        limits = {"tolerance": int8_tolerance, "agreement": int8_agreement}
        shown = show(int8_graph, calibration.net, proving, expected, **how, **limits)
        proofs += shown.proofs
    graph = int8_graph or float_graph
    served = check_values(calibration_values, sensor, "calibration_values")
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
        extra={**(shown.files if shown else {}), **home.files(graph, served, model.task)},
    )
    exact, written = (shown.exact, shown.code) if shown else (None, None)
    return Exported(float_graph, int8_graph, bundle, proofs, calibration, exact, tuned, written)


def pack_graph(
    graph: bytes, self_test_values: Values, *, extra: Mapping[str, bytes] | None = None, **description: Any
) -> bytes:
    """The bundle of a graph: its answers to ``self_test_values`` travel with it.

    Args:
        graph: an ONNX file.
        self_test_values: windows (count, time, channels), 1 to ``SELF_TEST_LIMIT``.
        extra: further files by name, which devices ignore.
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
    parts |= {name: (EXTRA, data) for name, data in (extra or {}).items()}
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


def learned_logits(model: Model, values: Values) -> Floats:
    """The model's own logits (batch, classes) of windows (batch, time, channels), by JAX in full precision."""
    import jax  # here, so that an export with another reference needs no compiler

    from nets.inference import logits

    with jax.default_matmul_precision("highest"):  # accelerators else multiply in fewer bits than the graph does
        return logits(model, values)
