"""The proof that a graph is the model: its logits on real windows, from ONNX Runtime, against the model's own.

A graph that is not proven is not written. The tolerance on logits bounds every decision, of a rounded graph all but the
rarest; the share of equal decisions is what a user feels. An int8 graph must also give, without any tolerance, every
byte of the integer arithmetic it was calibrated in (``export.integer``), in every tensor on the way: that catches a
single wrong weight.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import onnx
import onnxruntime

from export.int8 import ENTERED
from export.integer import Bytes, Int8Net, is_exact
from export.steps import Floats
from export.trace import Comparison, Tensors, Tracer, compare, trace, trace_entered
from slipway.bundle.manifest import Proof
from slipway.errors import Reason, Refused

TOLERANCES = {"float": 1e-4, "int8": 0.15}  # of ``strayed``
AGREEMENTS = {"float": 0.999, "int8": 0.98}  # least share of equal decisions
SPARED_SHARE = 0.01  # of the windows: as many of a rounded graph may stray farther
_SCALE_FLOOR = 1e-3
Reference = Callable[[Floats, Bytes], Tensors]  # windows and the bytes that entered the graph → every tensor


@dataclass(frozen=True)
class Exact:
    """What was compared byte by byte, with nothing different.

    Args:
        witnesses: who computed.
        tensors: integer tensors between window and logits, and the logits.
        windows: how many.
        bytes: of one witness.
        differing: bytes in which two witnesses differ: 0, or there is no export.
    """

    witnesses: tuple[str, ...]
    tensors: int
    windows: int
    bytes: int
    differing: int

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "witnesses": list(self.witnesses)}

    def to_proof(self) -> Proof:
        """As the manifest records it: a proof that allows no difference."""
        return Proof("int8", self.windows, 0.0, 1.0, 0.0)


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
    decides: bool = True,
) -> Proof:
    """Show that a graph gives the model's logits, or refuse it.

    Args:
        graph: an ONNX file.
        values: real windows (batch, time, channels).
        reference: the model's logits (batch, classes) of them, not computed by ONNX Runtime.
        precision: ``"float"`` or ``"int8"``; picks the defaults of the limits.
        tolerance: what ``strayed`` may be.
        agreement: least share of windows with the same decision; one window may always differ.
        decides: whether the largest logit is a decision; of a regression it is none.

    Raises:
        Refused: EXPORT_DIFFERS, or FIELD_REQUIRED without windows.
    """
    if len(values) == 0:
        raise Refused(Reason.FIELD_REQUIRED, field="proof_values")
    limits = {"tolerance": tolerance, "agreement": agreement}
    return judge(run(graph, values), reference, precision=precision, decides=decides, **limits)


def judge(
    found: Floats,
    reference: Floats,
    *,
    precision: str,
    tolerance: float | None = None,
    agreement: float | None = None,
    decides: bool = True,
) -> Proof:
    """Show that logits, whoever computed them, are the model's, or refuse what gave them. See ``prove``.

    Args:
        found: (batch, classes), of a graph.
        reference: the model's own.

    Raises:
        Refused: EXPORT_DIFFERS, or FIELD_REQUIRED without windows.
    """
    count = len(reference)
    if count == 0:
        raise Refused(Reason.FIELD_REQUIRED, field="proof_values")
    limit = TOLERANCES[precision] if tolerance is None else tolerance
    least = AGREEMENTS[precision] if agreement is None else agreement
    difference = strayed(found, reference, precision=precision, decides=decides)
    if not difference <= limit:  # a NaN must fail
        problem = f"moves {'a logit' if decides else 'an output'} too far"
        raise _differs(precision, count, problem, difference, limit)
    same = int((found.argmax(1) == reference.argmax(1)).sum()) if decides else count
    allowed = max(1.0, (1 - least) * count)  # a single tie must not refuse a short recording
    if count - same > allowed:
        raise _differs(precision, count, "decides differently too often", count - same, allowed)
    return Proof(precision, count, difference, same / count, limit)


def strayed(found: Floats, reference: Floats, *, precision: str, decides: bool = True) -> float:
    """How far logits (batch, classes) are from the model's.

    Of a float graph it is the largest difference as a share of the largest logit. A rounded one cuts off the rarest
    numbers, so that the more windows there are the farther the worst of them strays: of decisions the worst window in a
    hundred is left out. A regression decides nothing that one window could turn: there it is the root mean square
    difference of the worst output, as a share of its standard deviation.
    """
    if decides or precision == "float":
        far = np.sort(np.abs(found - reference).max(1) / max(np.abs(reference).max(), _SCALE_FLOOR))
        spared = int(SPARED_SHARE * len(far)) if precision == "int8" and not np.isnan(far[-1]) else 0
        return float(far[len(far) - 1 - spared])
    spread = np.maximum(reference.std(axis=0), _SCALE_FLOOR * np.abs(reference).max() + np.finfo(np.float32).tiny)
    return float((np.sqrt(np.square(found - reference).mean(axis=0)) / spread).max())


def entered(graph: bytes, values: Floats) -> Bytes:
    """The bytes that enter the integer layers of an int8 graph, by ONNX Runtime."""
    model = onnx.load_model_from_string(graph)
    model.graph.output.append(onnx.helper.make_tensor_value_info(ENTERED, onnx.TensorProto.UINT8, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run([ENTERED], {"window": values})[0])


def prove_exact(graph: bytes, net: Int8Net, values: Floats, *, compiled: bool = True, chunk: int = 256) -> Exact:
    """Show that ONNX Runtime, our integers and, compiled, JAX make the same bytes in every tensor, or refuse the graph.

    Two libraries agree on a ``Spectrum`` or a vector's norm to the last bits only, and one of them is enough for
    another byte: behind such a front the integer layers start from the bytes that the graph itself gives them.

    Args:
        graph: an int8 ONNX file.
        net: what it was written from.
        values: real windows (batch, time, channels).
        compiled: whether JAX is a third witness; it costs a compilation.
        chunk: windows at a time.

    Raises:
        Refused: EXPORT_DIFFERS, with the first tensor that differs; FIELD_REQUIRED without windows.
    """
    if len(values) == 0:
        raise Refused(Reason.FIELD_REQUIRED, field="proof_values")
    witness = Tracer(graph)
    ours = _ours(net, compiled)
    whole = Comparison(0, 0, 0)
    for at in range(0, len(values), chunk):
        part = values[at : at + chunk]
        found = witness(part)
        for reference in ours:
            whole += compare(found, reference(part, found[ENTERED]))
    if whole.differing:
        problem = f"leaves its integer arithmetic, first in the tensor {whole.first}, in some bytes"
        raise _differs("int8", len(values), problem, whole.differing, 0)
    names = ("onnxruntime", "numpy", *(("jax",) if compiled else ()))
    return Exact(names, whole.tensors, len(values), whole.bytes // len(ours), whole.differing)


def _ours(net: Int8Net, compiled: bool) -> list[Reference]:
    inexact = not is_exact(net.front)
    found: list[Reference] = [partial(_in_numpy, net, inexact)]
    if compiled:
        from export import jax_integer  # here, so that a proof without it needs no compiler

        run, run_entered = jax_integer.tracer(net), jax_integer.tracer_entered(net)
        found.append(lambda values, entered: run_entered(entered) if inexact else run(values))
    return found


def _in_numpy(net: Int8Net, inexact: bool, values: Floats, entered: Bytes) -> Tensors:
    return trace_entered(net, entered) if inexact else trace(net, values)


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
