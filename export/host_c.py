"""Generated C on this computer, every tensor of it beside ONNX Runtime's, window by window."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from export.graph import OUTPUT
from export.host_program import NAME as NAME
from export.host_program import built
from export.int8 import ENTERED
from export.integer import Int8Net, is_exact
from export.mcu.measure import differing_bytes
from export.steps import Floats
from export.trace import Comparison, Tracer, compare, trace_entered
from slipway.errors import Reason, Refused

ENTERED_SHARE = 0.01  # of the bytes that an inexact front lets in: as many may differ in their last bit
STRAY_SHARE = 1e-3  # of the largest answer, as a self-test on a device allows


@dataclass(frozen=True)
class Matched:
    """What generated C and ONNX Runtime make of the same windows.

    Args:
        windows: how many.
        tensors: integer tensors between window and logits, and the logits.
        bytes: of them.
        differing: of them; behind a front that is exact to the last bits only, from the bytes that C itself let in.
        first: tensor that differs, or None.
        entered_differing: bytes in which the two disagree about what such a front lets in; 0 where it is exact.
        answers_differing: bytes of the answers of the program without the trace, against the one with it.
        entered_bytes: that such a front lets in; 0 where it is exact.
    """

    windows: int
    tensors: int
    bytes: int
    differing: int
    first: str | None
    entered_differing: int
    answers_differing: int
    entered_bytes: int = 0


def match(files: Mapping[str, bytes], graph: bytes, net: Int8Net, values: Floats, *, chunk: int = 256) -> Matched:
    """Compare generated C with ONNX Runtime on every window.

    Args:
        files: as ``built`` takes them.
        graph: the int8 ONNX file that they were generated from.
        net: what it was written from.
        values: real windows (batch, time, channels).
        chunk: windows at a time.

    Raises:
        Refused: as ``built``.
    """
    witness, whole, entered, entered_bytes, answers = Tracer(graph), Comparison(0, 0, 0), 0, 0, 0
    exact = is_exact(net.front)
    with built(files, traced=True) as traced, built(files, traced=False) as plain:
        for at in range(0, len(values), chunk):
            part = values[at : at + chunk]
            wanted = witness(part)
            found = traced.trace(part, wanted)
            if not exact and ENTERED in found:
                entered += int((found[ENTERED] != wanted[ENTERED]).sum())
                entered_bytes += found[ENTERED].size
                wanted = trace_entered(net, found[ENTERED])
            whole += compare(found, wanted)
            answers += differing_bytes(plain.run(part, wanted[OUTPUT].shape[1]), found[OUTPUT])
    counts = len(values), whole.tensors, whole.bytes, whole.differing
    return Matched(*counts, whole.first, entered, answers, entered_bytes)


def require_match(found: Matched) -> Matched:
    """Refuse C that is another net than the graph.

    Raises:
        Refused: EXPORT_DIFFERS.
    """
    allowed = int(ENTERED_SHARE * found.entered_bytes)
    if found.differing:
        problem = f"differs on this computer, first in the tensor {found.first}, in some bytes"
        raise _differs(found, problem, found.differing, 0)
    if found.answers_differing:
        raise _differs(found, "answers otherwise without its trace in some bytes", found.answers_differing, 0)
    if found.entered_differing > allowed:
        raise _differs(found, "lets other bytes in too often", found.entered_differing, allowed)
    return found


@dataclass(frozen=True)
class Answered:
    """What the C of a graph from elsewhere answers, beside ONNX Runtime without its optimisations.

    Args:
        windows: how many.
        bytes: of the answers.
        differing: of them.
        strayed: windows with an answer that is off by more than ``STRAY_SHARE`` of the largest.
    """

    windows: int
    bytes: int
    differing: int
    strayed: int

    @property
    def same(self) -> bool:
        """Whether it is the same net: sums in float differ in their last bits, and few of them on a byte's edge."""
        return self.strayed <= ENTERED_SHARE * self.windows


def answers(files: Mapping[str, bytes], graph: bytes, values: Floats, *, chunk: int = 256) -> Answered:
    """Compare the answers of generated C; arguments as ``match``.

    Raises:
        Refused: as ``built``.
    """
    witness = Tracer(graph)
    wanted = np.concatenate([witness(values[at : at + chunk])[OUTPUT] for at in range(0, len(values), chunk)])
    with built(files, traced=False) as plain:
        found = plain.run(values, wanted.shape[1])
    far = np.abs(found - wanted).max(axis=1)
    strayed = int((~(far <= STRAY_SHARE * np.abs(wanted).max())).sum())  # a NaN strays
    return Answered(len(values), wanted.nbytes, differing_bytes(found, wanted), strayed)


def _differs(found: Matched, problem: str, count: int, limit: int) -> Refused:
    words = {"precision": "generated", "samples": found.windows, "problem": problem, "found": count, "limit": limit}
    return Refused(Reason.EXPORT_DIFFERS, field="program", **words)
