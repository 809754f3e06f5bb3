"""All that is shown of an int8 graph before it is packed, and the files that say so in its bundle."""

from dataclasses import dataclass, replace

from export.code import WITNESS, Code, CodeOptions, write_code
from export.integer import Int8Net
from export.mcu.measure import EVIDENCE, evidence
from export.proof import Exact, prove, prove_exact
from export.steps import Floats
from slipway.bundle.manifest import Proof, canonical
from slipway.windows import Values

EXACT_LIMIT = 1024  # windows over which the integer arithmetic is compared byte by byte
EXACT_NAME = "exact.json"


@dataclass(frozen=True, eq=False)
class Shown:
    """What holds of an int8 graph.

    Args:
        proofs: against the model, and against the integer arithmetic.
        exact: what was compared byte by byte.
        code: its C, or None if none was asked for.
    """

    proofs: tuple[Proof, ...]
    exact: Exact
    code: Code | None

    @property
    def files(self) -> dict[str, bytes]:
        """Extra files of a bundle, by name."""
        found = {EXACT_NAME: canonical(self.exact.to_json())}
        if self.code and self.code.measured:
            found[EVIDENCE] = evidence(self.code.measured)
        return found


def show(
    graph: bytes,
    net: Int8Net,
    values: Values,
    expected: Floats,
    *,
    core_values: Values,
    decides: bool = True,
    compiled: bool = True,
    tolerance: float | None = None,
    agreement: float | None = None,
    code: CodeOptions | None = None,
) -> Shown:
    """Show that an int8 graph is the model and that everybody computes the same bytes of it, or refuse it.

    Args:
        graph: an int8 ONNX file.
        net: what it was written from.
        values: real windows (batch, time, channels).
        expected: the model's logits (batch, classes) of them, not computed by ONNX Runtime.
        core_values: windows for emulated cores.
        decides: whether the largest logit is a decision.
        compiled: whether JAX is a witness.
        tolerance: see ``proof.prove``.
        agreement: see ``proof.prove``.
        code: how its C is written; None for no C.

    Raises:
        Refused: as ``proof.prove``, ``proof.prove_exact`` and ``code.write_code``.
    """
    limits = {"tolerance": tolerance, "agreement": agreement}
    proof = prove(graph, values, expected, precision="int8", decides=decides, **limits)
    exact = prove_exact(graph, net, values[:EXACT_LIMIT], compiled=compiled)
    written = write_code(graph, net, values[:EXACT_LIMIT], core_values, code) if code else None
    if written and written.witnessed:
        exact = replace(exact, witnesses=(*exact.witnesses, WITNESS))
    return Shown((proof, exact.to_proof()), exact, written)
