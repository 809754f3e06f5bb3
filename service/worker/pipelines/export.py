"""Make the files that devices run."""

from dataclasses import replace

from export.code import CodeOptions, check_tools
from export.fine_tuning import LEARNED, FineTuned
from export.mcu.boards import BOARDS
from export.package import export as package
from nets.model import Model
from nets.quantized_training import EPOCH_LIMIT
from service.domain import ExportSpec, Outcome
from service.worker.context import Context
from service.worker.pipelines import recording
from service.worker.pipelines.order import Hooks, Made, Order, optional
from service.worker.pipelines.runnable import pack_runnable
from service.worker.pipelines.stages import Stages
from service.worker.pipelines.update import Parent, parent_of, update, with_delta
from slipway.errors import Reason, Refused
from slipway.names import short

UNFIT = (Reason.FROZEN_GRID_UNFIT, Reason.EXPORT_DIFFERS)  # of an update: an export from scratch may succeed


def export(spec: ExportSpec, context: Context) -> Outcome:
    """Export a version on real windows: its graphs, their C, the bundle, and a delta from its parent's bundle.

    Raises:
        Refused: windows that do not fit or are too few, missing tools, or an export that differs from the model.
        Cancelled: the job was asked to stop.
    """
    stages = Stages(context)
    how = CodeOptions(spec.integer_arithmetic, spec.simd, tuple(BOARDS[name] for name in spec.cores))
    check_tools(how.boards, "export.cores")
    with stages.stage("reading"):
        learned = optional(context, spec.version, "model")
        model = None if learned is None else Model.from_bytes(learned)
        task = model.task if model else context.task(spec.version)
        windows = recording.read(context, spec.calibration, task)
    order = Order(spec.version, windows, how, _hooks(stages, context) if spec.fine_tune else None)
    with stages.stage("exporting"):
        made = _of_model(context, order, model, spec.independent) if model else pack_runnable(context, order, task)
    made = _with_code(made)
    return Outcome(
        artifacts=made.artifacts,
        artifacts_of=spec.version,
        explanation=" ".join(made.words),
        stage_seconds=stages.seconds,
    )


def _hooks(stages: Stages, context: Context) -> Hooks:
    return {"progress": stages.epochs("fine-tuning", EPOCH_LIMIT), "should_stop": context.should_stop}


def _of_model(context: Context, order: Order, model: Model, independent: bool) -> Made:
    parent = parent_of(context, order.version)
    alone = independent or order.tuning is not None
    if parent is None:
        name = "" if alone else context.parent(order.version)
        words = (f"Nothing was kept of {short(name)}: it has no int8 bundle of this model.",) if name else ()
        made = _anew(order, model, words)
    else:
        made = with_delta(_anew(order, model) if alone else _kept(order, model, parent), parent)
    if optional(context, order.version, "float_onnx") is not None:  # a version's own graph stays as it came
        made = replace(made, artifacts={id: data for id, data in made.artifacts.items() if id != "float_onnx"})
    return made


def _kept(order: Order, model: Model, parent: Parent) -> Made:
    try:
        return update(parent, model, order)
    except Refused as refused:
        if refused.reason not in UNFIT:
            raise
        return _anew(order, model, (f"Nothing was kept of {short(parent.name)}: {refused.message}",))


def _anew(order: Order, model: Model, words: tuple[str, ...] = ()) -> Made:
    made = package(
        model,
        calibration_values=order.windows.calibration,
        calibration_labels=order.windows.labels,
        proof_values=order.windows.proof,
        self_test_values=order.windows.self_test,
        lineage=order.lineage,
        version=order.number,
        name=order.model_id,
        fine_tune=order.tuning is not None,
        tuning=order.tuning,
        code=order.code,
    )
    assert made.int8_onnx is not None
    artifacts = {"float_onnx": made.float_onnx, "int8_onnx": made.int8_onnx, "bundle": made.bundle}
    return Made(artifacts, made.code, (*words, *_told(made.tuned, bool(model.task.outputs))))


def _told(tuned: FineTuned | None, regression: bool) -> tuple[str, ...]:
    if tuned is None:
        return ()
    costs = (_cost(cost, regression) + f" {name}" for name, cost in tuned.costs.items())
    kept = "nothing was learned" if LEARNED not in tuned.costs else f"what was {tuned.chosen} is exported"
    return (f"On windows kept apart rounding costs {', '.join(costs)}: {kept}.",)


def _cost(cost: float, regression: bool) -> str:
    return f"{cost:.4f} of R²" if regression else f"{100 * cost:.2f} points"


def _with_code(made: Made) -> Made:
    if made.code is None:
        return made
    if made.code.archive is None:
        return replace(made, words=(*made.words, f"There is no C: {made.code.obstacle}"))
    needs = (
        f"On {one.board} it takes {one.flash_bytes:,} bytes of flash, {one.ram_bytes:,} of RAM"
        f" and {one.instructions:,} instructions."
        for one in made.code.measured
    )
    return replace(made, artifacts={**made.artifacts, "c": made.code.archive}, words=(*made.words, *needs))
