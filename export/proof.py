"""The proof that a graph is the model: its logits on real windows, from ONNX Runtime, against the model's own.

A graph that is not proven is not written. The tolerance on logits bounds every decision; the share of equal decisions
is what a user feels. An int8 graph must also give, without any tolerance, the numbers of the integer arithmetic it was
calibrated in (``export.integer``): that catches a single wrong weight.
"""

import numpy as np
import onnx
import onnxruntime

from export.int8 import ENTERED
from export.integer import Bytes
from export.steps import Floats
from slipway.bundle.manifest import Proof
from slipway.errors import Reason, Refused

TOLERANCES = {"float": 1e-4, "int8": 0.15}  # largest difference of a logit, as a share of the largest logit
AGREEMENTS = {"float": 0.999, "int8": 0.98}  # least share of equal decisions
_SCALE_FLOOR = 1e-3


def run(graph: bytes, values: Floats, chunk: int = 256) -> Floats:
    """Logits (batch, classes) of windows (batch, time, channels), by ONNX Runtime on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    parts = [values[at : at + chunk] for at in range(0, len(values), chunk)]
    return np.concatenate([session.run(["logits"], {"window": part})[0] for part in parts])


def prove(
    graph: bytes,
    values: Floats,
    reference: Floats,
    *,
    precision: str,
    tolerance: float | None = None,
    agreement: float | None = None,
) -> Proof:
    """Show that a graph gives the model's logits, or refuse it.

    Args:
        graph: an ONNX file.
        values: real windows (batch, time, channels).
        reference: the model's logits (batch, classes) of them, not computed by ONNX Runtime.
        precision: ``"float"`` or ``"int8"``; picks the defaults of the limits.
        tolerance: largest difference of a logit allowed, as a share of the largest reference logit.
        agreement: least share of windows with the same decision; one window may always differ.

    Raises:
        Refused: EXPORT_DIFFERS, or FIELD_REQUIRED without windows.
    """
    if len(values) == 0:
        raise Refused(Reason.FIELD_REQUIRED, field="proof_values")
    limit = TOLERANCES[precision] if tolerance is None else tolerance
    least = AGREEMENTS[precision] if agreement is None else agreement
    found = run(graph, values)
    difference = float(np.abs(found - reference).max() / max(np.abs(reference).max(), _SCALE_FLOOR))
    if not difference <= limit:  # a NaN must fail
        raise _differs(precision, len(values), "moves a logit too far", difference, limit)
    same = int((found.argmax(1) == reference.argmax(1)).sum())
    allowed = max(1.0, (1 - least) * len(values))  # a single tie must not refuse a short recording
    if len(values) - same > allowed:
        raise _differs(precision, len(values), "decides differently too often", len(values) - same, allowed)
    return Proof(precision, len(values), difference, same / len(values), limit)


def entered(graph: bytes, values: Floats) -> Bytes:
    """The bytes that enter the integer layers of an int8 graph, by ONNX Runtime."""
    model = onnx.load_model_from_string(graph)
    model.graph.output.append(onnx.helper.make_tensor_value_info(ENTERED, onnx.TensorProto.UINT8, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run([ENTERED], {"window": values})[0])


def prove_exact(graph: bytes, values: Floats, reference: Floats) -> None:
    """Refuse an int8 graph that differs from its integer arithmetic in a single number.

    Raises:
        Refused: EXPORT_DIFFERS.
    """
    wrong = int((run(graph, values) != reference).sum())
    if wrong:
        raise _differs("int8", len(values), "leaves its integer arithmetic in some logits", wrong, 0)


def _differs(precision: str, samples: int, problem: str, found: float, limit: float) -> Refused:
    return Refused(
        Reason.EXPORT_DIFFERS,
        field="export",
        precision=precision,
        samples=samples,
        problem=problem,
        found=f"{found:.4g}",
        limit=f"{limit:.4g}",
    )
