"""What an update weighs: from the int8 file of a base to that of a device's adapted model, by scope.

The base is a CNN of 100 k parameters, pretrained on a simulated phone in a pocket. Each device is another person whose
phone reads with a gain and an offset of its own on every channel and sits a little turned. ``delta_<scope>_bytes`` is
the median over the devices of the whole delta between two bundles (header, graph, self-test and manifest), with the
base's int8 graph as the reference.
"""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from adapters.engine import adapt
from adapters.options import Options
from export import steps as s
from export.folding import fold
from export.frozen_bundle import pack_adapted
from export.frozen_export import Frozen, frozen_export
from export.package import export
from export.proof import prove
from nets.inference import logits
from nets.model import Model
from nets.pretraining import Recipe, pretrain
from sim.generate import windows
from sim.worlds.wearable import WEARABLE_PHONE
from slipway.bundle import archive
from slipway.delta import codec
from slipway.windows import Labels, Values

DEVICES = 3
WINDOWS = 512  # of a device
LABELLED = 256  # of them, where the objective learns from labels
METHODS = {
    "input_statistics": "moments",
    "sensor": "sensor_match",
    "norm_statistics": "moments",
    "norm_affine": "information_maximisation",
    "bias": "information_maximisation",
    "film": "information_maximisation",
    "head": "cross_entropy",
    "lora(2)": "cross_entropy",
    "top(2)": "cross_entropy",
    "full": "cross_entropy",
}
RECIPE = Recipe(
    architecture="cnn",
    options={"widths": (64, 96, 64), "sizes": (5, 8, 8)},
    epochs=6,
    batch_size=64,
    learning_rate=2e-3,
)


@dataclass(frozen=True, eq=False)
class Base:
    """What the server has: a model, its int8 graph, and the bundle that devices run."""

    model: Model
    graph: bytes
    bundle: bytes
    source: tuple[Values, Labels]


def run(devices: int = DEVICES) -> list[dict[str, Any]]:
    """Median bytes of a delta between bundles, by scope."""
    base = made_base()
    fleet = [device(index) for index in range(devices)]
    records = []
    for scope, objective in METHODS.items():
        found = [adapted(base, values, labels, scope, objective) for values, labels in fleet]
        sizes = [len(codec.make(base.bundle, bundle)) for _, bundle in found]
        records.append(_record(f"delta_{scope}_bytes", float(np.median(sizes)), "bytes", len(base.graph)))
    return records


def made_base(seed: int = 0) -> Base:
    """A base that was pretrained for a minute; how good it is changes no size here."""
    values, labels = (np.asarray(array) for array in windows(WEARABLE_PHONE, jax.random.key(seed), 6000))
    model = pretrain(WEARABLE_PHONE.task, values, labels, recipe=RECIPE, seed=seed).model
    made = export(
        model,
        calibration_values=values[::4],
        proof_values=values[1::12],
        self_test_values=values[3:400:25],
        lineage={
            "version": "models/phone/versions/1",
            "calibration": "datasets/pocket",
            "calibration_sha256": "0" * 64,
        },
        version="1",
        reference=logits,
    )
    assert made.int8_onnx is not None
    return Base(model, made.int8_onnx, made.bundle, (values, labels))


def device(index: int) -> tuple[Values, Labels]:
    """Windows of another person and phone, and what was done in them."""
    values, labels = (np.asarray(array) for array in windows(WEARABLE_PHONE, jax.random.key(100 + index), WINDOWS))
    random = np.random.default_rng(index)
    turn = np.linalg.qr(np.eye(3) + 0.15 * random.standard_normal((3, 3)))[0]
    turn *= np.sign(np.diag(turn))
    gain = random.uniform(0.85, 1.2, 6)
    offset = random.normal(0, [0.5, 0.5, 0.5, 0.1, 0.1, 0.1])
    turned = np.concatenate([values[..., :3] @ turn, values[..., 3:] @ turn], axis=2)
    return (turned * gain + offset).astype(np.float32), labels


def adapted(base: Base, values: Values, labels: Labels, scope: str, objective: str) -> tuple[Frozen, bytes]:
    """(the frozen export of one adaptation, the bundle it travels in)."""
    given = {"target_labels": labels[:LABELLED], "target_values": values[:LABELLED]}
    learns = given if objective == "cross_entropy" else {"target_values": values}
    model = adapt(base.model, scope=scope, objective=objective, options=Options(steps=60), **learns).model
    found = frozen_export(base.graph, base.model, model, values)
    proof = prove(found.graph, values, s.run(fold(model), values), precision="int8")
    lineage = {"version": "models/phone/versions/2", "base": "models/phone/versions/1"}
    return found, pack_adapted(archive.read(base.bundle), found.graph, version="2", lineage=lineage, proofs=(proof,))


def _record(name: str, value: float, unit: str, reference: float) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "reference": reference, "ratio": value / reference}
