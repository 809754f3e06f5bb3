"""A fitted net as files, each proven. The graph that was judged is the one that travels: nothing is quantized again."""

from collections.abc import Mapping
from dataclasses import dataclass

from export.code import CodeOptions
from export.evidence import Shown, show
from export.fit.profile import Profile
from export.fit.search import Fitted
from export.float_onnx import float_onnx
from export.folding import fold
from export.graph import to_bytes
from export.mcu.boards import BOARDS
from export.mcu.tools import missing as missing_tools
from export.package import learned_logits, pack_graph
from export.proof import prove
from export.reading import read
from slipway.bundle.archive import SELF_TEST_LIMIT
from slipway.bundle.manifest import Proof, Scalar
from slipway.windows import Values, check_values


@dataclass(frozen=True, eq=False)
class Delivery:
    """The files of a fitted net.

    Args:
        found: what the search returned.
        float_onnx: of the model that it learned.
        proof: of ``float_onnx``.
        shown: of the int8 graph; with its C, and what it needs on the profile's core where the tools are.
        self_test_values: (count, time, channels) windows that travel in the bundle.
    """

    found: Fitted
    float_onnx: bytes
    proof: Proof
    shown: Shown
    self_test_values: Values

    @property
    def files(self) -> dict[str, bytes]:
        """The artifacts of a version, but for the bundle, which names it."""
        code = self.shown.code.archive if self.shown.code else None
        files = {"model": self.found.model.to_bytes(), "float_onnx": self.float_onnx, "int8_onnx": self.found.graph}
        return {**files, **({"c": code} if code else {})}

    def bundle(self, *, model: str, version: str, lineage: Mapping[str, Scalar]) -> bytes:
        """What a device installs: the fitted int8 graph; its manifest says what it needs there.

        Args:
            model: resource id.
            version: e.g. ``"7"``.
            lineage: where it came from; flat. The device, and what the net takes of it, are added.

        Raises:
            Refused: a reason of the manifest or the bundle.
        """
        return pack_graph(
            self.found.graph,
            self.self_test_values,
            extra=self.shown.files,
            model=model,
            version=version,
            task=self.found.model.task,
            precision="int8",
            lineage={**lineage, **needs(self.found)},
            proofs=(self.proof, *self.shown.proofs),
        )


def deliver(found: Fitted, values: Values, self_test_values: Values) -> Delivery:
    """Prove a fitted net and write it as C.

    How often int8 decides as float does is recorded and refuses nothing: the search judged what int8 itself decides.

    Args:
        found: what the search returned.
        values: real windows (count, time, channels) on which the graphs are compared with the model.
        self_test_values: windows that travel in the bundle; at most ``SELF_TEST_LIMIT`` are kept.

    Raises:
        Refused: EXPORT_DIFFERS, or a reason of the windows.
    """
    model, decides = found.model, not found.model.task.outputs
    proving = check_values(values, model.task.sensor, "proof_values")
    testing = check_values(self_test_values, model.task.sensor, "self_test_values")[:SELF_TEST_LIMIT]
    expected, whole = learned_logits(model, proving), to_bytes(float_onnx(model))
    shown = show(
        found.graph,
        read(found.graph, fold(model), model.task),
        proving,
        expected,
        core_values=testing,
        decides=decides,
        agreement=0.0,
        code=_options(found.profile),
    )
    return Delivery(found, whole, prove(whole, proving, expected, precision="float", decides=decides), shown, testing)


def needs(found: Fitted) -> dict[str, Scalar]:
    """What the net takes of the device that it was fitted to, as a manifest holds it."""
    core: dict[str, Scalar] = {"core": found.profile.core} if found.profile.core else {}
    return {"device": found.profile.name, **core, **found.cost.to_json()}


def _options(profile: Profile) -> CodeOptions:
    """The way that ``finals`` measures: other options would take other bytes."""
    return CodeOptions(boards=(BOARDS[profile.core],) if profile.core and not missing_tools() else ())
