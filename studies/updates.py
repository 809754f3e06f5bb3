"""Small adaptations as a device receives them: scored in float, on the base's frozen int8 grid, and calibrated anew."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from adapters.choice import Plan
from adapters.engine import adapt
from adapters.options import Options
from export.c import adapter_slot, generate
from export.calibration import calibrate
from export.folding import fold
from export.frozen_bundle import pack_adapted
from export.frozen_export import frozen_export
from export.graph import to_bytes
from export.int8 import int8_onnx
from export.package import pack_graph
from export.proof import prove_exact, run
from nets.model import Model
from slipway.bundle import archive
from slipway.delta import codec
from slipway.errors import Refused
from slipway.spec import TaskSpec
from slipway.windows import Answers
from studies.labels import few_labels
from studies.ladder import SHOTS, SOURCE_COUNT, STRETCHES_S
from studies.scores import Scores, rated, score
from studies.study import Domain

OPTIONS = Options(steps=60)
PROVEN = 1024  # windows of the pool over which each adapted file is compared byte by byte
FOR_BOTH: Mapping[str, Plan] = {
    "norm_statistics": Plan("norm_statistics", "moments"),
    "sensor": Plan("sensor", "sensor_match"),
}
FOR_CLASSES: Mapping[str, Plan] = {
    "norm_affine": Plan("norm_affine", "information_maximisation"),
    "head": Plan("head", "cross_entropy"),
}
FOR_OUTPUTS: Mapping[str, Plan] = {
    "norm_affine": Plan("norm_affine", "masked"),
    "head": Plan("head", "squared_error"),
}


@dataclass(frozen=True, eq=False)
class Served:
    """A base as its device runs it, and what the device gives.

    Args:
        model: the base.
        graph: its int8 ONNX file.
        source: what it learned from.
        pool: what the device measured, in the order of time.
        test: never looked at before a score.
        hop: samples from one window of the pool to the next.
        seed: of everything random.
    """

    model: Model
    graph: bytes
    source: Domain
    pool: Domain
    test: Domain
    hop: int = 1
    seed: int = 0


def plans_for(task: TaskSpec) -> dict[str, Plan]:
    """The small adapters of a task, by scope."""
    return {**FOR_BOTH, **(FOR_OUTPUTS if task.outputs else FOR_CLASSES)}


def updates(served: Served, plans: Mapping[str, Plan]) -> dict[str, dict[str, Any]]:
    """By name: scores in float, frozen and calibrated anew, bytes of the deltas; or why there is no such adapter."""
    return {name: _update(served, plan) for name, plan in plans.items()}


def _update(served: Served, plan: Plan) -> dict[str, Any]:
    try:
        adapted = _adapted(served, plan)
    except Refused as refusal:
        return {"refused": str(refusal)}
    task, pool, test = served.model.task, served.pool.values, served.test
    found = frozen_export(served.graph, served.model, adapted, pool)
    anew = to_bytes(int8_onnx(calibrate(fold(adapted), pool, decides=not task.outputs).net, task))
    delta = codec.make(served.graph, found.graph)
    rebuilt = codec.apply(served.graph, delta)  # as the device does
    exact = prove_exact(rebuilt, found.net, pool[:PROVEN])
    bundles = _bundles(served, rebuilt)
    return {
        "objective": plan.objective,
        "float": main(score(task, adapted, test)),
        "frozen": main(rated(task, run(rebuilt, test.values), test)),
        "anew": main(rated(task, run(anew, test.values), test)),
        "delta_bytes": len(delta),
        "bundle_delta_bytes": len(codec.make(*bundles)),
        "bundle_bytes": len(bundles[1]),
        "anew_delta_bytes": len(codec.make(served.graph, anew)),
        "slot_bytes": _slot_bytes(served.graph, rebuilt),
        "agreement": found.agreement,
        "changed": list(found.changed),
        "regridded": dict(found.regridded),
        "rounded": dict(found.rounded),
        "full": found.full,
        "proven": exact.to_json(),
    }


def main(scores: Scores) -> float:
    """The one number of a task: accuracy, or R²."""
    return scores["r2"] if "r2" in scores else scores["accuracy"]


def known(task: TaskSpec, pool: Domain, hop: int, seed: int) -> Answers:
    """The pool's answers but for most of them: 20 labels a class, or the first 30 seconds of a regression."""
    if not task.outputs:
        return few_labels(pool.labels, SHOTS[-1], seed)
    found = np.full_like(pool.labels, np.nan)
    rows = int(STRETCHES_S[-1] * task.sensor.rate_hz / hop)
    found[:rows] = pool.labels[:rows]
    return found


def _adapted(served: Served, plan: Plan) -> Model:
    labelled = plan.objective in ("cross_entropy", "squared_error")
    labels = known(served.model.task, served.pool, served.hop, served.seed) if labelled else None
    return adapt(
        served.model,
        scope=plan.scope,
        objective=plan.objective,
        target_values=served.pool.values,
        target_labels=labels,
        source_values=None if labelled else served.source.values[:SOURCE_COUNT],
        source_labels=None if labelled else served.source.labels[:SOURCE_COUNT],
        options=OPTIONS,
        seed=served.seed,
    ).model


def _bundles(served: Served, graph: bytes) -> tuple[bytes, bytes]:
    """The bundle that the device has, and that of ``graph``."""
    task = served.model.task
    described: dict[str, Any] = {
        "model": task.name,
        "task": task,
        "precision": "int8",
        "lineage": {"seed": served.seed},
    }
    base = pack_graph(served.graph, served.pool.values[:8], version="1", **described)
    return base, pack_adapted(archive.read(base), graph, version="2", lineage={"base": "1"})


def _slot_bytes(base: bytes, graph: bytes) -> int | None:
    """Bytes of flash that turn the base's program into that of ``graph``; None if other code or weights are needed."""
    if generate(base).program != generate(graph).program:
        return None
    return len(adapter_slot(graph))
