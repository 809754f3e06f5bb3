"""An adapted version on the int8 file of its parent, so that devices that run the parent download little."""

import hashlib
from dataclasses import dataclass

from export import reference
from export.evidence import show
from export.float_onnx import float_onnx
from export.frozen_bundle import SELF_TEST_COUNT, pack_adapted
from export.frozen_export import Frozen, frozen_export
from export.graph import to_bytes
from export.package import learned_logits
from export.proof import prove
from export.reading import arrays_of
from nets.model import Model
from service.catalogue import models
from service.worker.context import Context
from service.worker.pipelines.order import Made, Order, optional
from slipway.bundle import archive
from slipway.delta import codec
from slipway.names import short


@dataclass(frozen=True, eq=False)
class Parent:
    """The exported version that another one was adapted from.

    Args:
        name: of the version.
        model: as it was learned.
        bundle: int8, what its devices run.
    """

    name: str
    model: Model
    bundle: bytes


def parent_of(context: Context, version: str) -> Parent | None:
    """The version that ``version`` was adapted from, where devices of the same model can run it as int8."""
    name = context.parent(version)
    if not name or name.rpartition("/")[0] != version.rpartition("/")[0]:
        return None
    learned, bundle = (optional(context, name, artifact_id) for artifact_id in ("model", "bundle"))
    if learned is None or bundle is None or archive.read(bundle).manifest.precision != "int8":
        return None
    return Parent(name, Model.from_bytes(learned), bundle)


def update(parent: Parent, model: Model, order: Order) -> Made:
    """Export an adapted model on its parent's int8 weights and grids, as far as they suit; proven like any other.

    Raises:
        Refused: FROZEN_GRID_UNFIT: the parent's file is no place for it; or as ``export.package.export``.
    """
    base, decides, proof = archive.read(parent.bundle), not model.task.outputs, order.windows.proof
    found = frozen_export(base.graph, parent.model, model, order.windows.calibration)
    expected, float_graph = learned_logits(model, proof), to_bytes(float_onnx(model))
    proofs = (prove(float_graph, proof, expected, precision="float", decides=decides),)
    tested = base.inputs[:SELF_TEST_COUNT]
    shown = show(found.graph, found.net, proof, expected, core_values=tested, decides=decides, code=order.code)
    bundle = pack_adapted(
        base,
        found.graph,
        extra={**shown.files, **reference.files(found.graph, order.windows.calibration, model.task)},
        version=order.number,
        lineage=order.lineage,
        proofs=(*proofs, *shown.proofs),
    )
    artifacts = {"float_onnx": float_graph, "int8_onnx": found.graph, "bundle": bundle}
    return Made(artifacts, shown.code, (_words(found, parent.name),))


def with_delta(made: Made, parent: Parent) -> Made:
    """Put beside a bundle what makes it out of the parent's, where that is smaller."""
    bundle = made.artifacts["bundle"]
    delta = codec.make(parent.bundle, bundle)
    words = f"Its bundle has {len(bundle):,} bytes, the delta from that of {short(parent.name)} {len(delta):,}."
    if len(delta) >= len(bundle):
        return Made(made.artifacts, made.code, (*made.words, f"{words} So no delta is kept."))
    name = models.delta_id(hashlib.sha256(parent.bundle).hexdigest())
    return Made({**made.artifacts, name: delta}, made.code, (*made.words, words))


def _words(found: Frozen, parent: str) -> str:
    if found.full:
        return f"The int8 grids of {short(parent)} do not suit it, so all was calibrated from scratch."
    kept = f"It keeps the int8 file of {short(parent)} but for {len(found.changed)} of {len(arrays_of(found.graph))}"
    moved = f"moved grids: {', '.join(found.regridded)}" if found.regridded else "no grid moved"
    rounded = f"layers rounded anew: {', '.join(found.rounded)}" if found.rounded else "no weight was rounded anew"
    return f"{kept} tensors; {moved}; {rounded}."
