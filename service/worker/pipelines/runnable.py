"""The bundle of a version that is a graph and no model: made elsewhere, it can be run and packed, and nothing else."""

from export import reference
from export.code import WITNESS, Code, write_code
from export.evidence import EXACT_LIMIT, EXACT_NAME
from export.mcu.measure import EVIDENCE, evidence
from export.package import pack_graph
from export.proof import Exact, run
from service.worker.context import Context
from service.worker.pipelines.order import Made, Order, optional
from slipway.bundle.manifest import canonical
from slipway.errors import Reason, Refused
from slipway.spec import TaskSpec

FORMS = {"int8_onnx": "int8", "float_onnx": "float"}  # artifact: precision; the first that is there


def pack_runnable(context: Context, order: Order, task: TaskSpec) -> Made:
    """Pack the graph of a version without a model, with its answers to some windows as self-test.

    Raises:
        Refused: FIELD_INVALID for what only a model or an int8 graph allows, ARTIFACT_NOT_FOUND without a graph, or as
            ``export.code.write_code`` and ``export.package.pack_graph``.
    """
    form, graph = _graph(context, order.version)
    precision, windows = FORMS[form], order.windows
    _check(order, precision)
    code = None
    if precision == "int8":
        code = write_code(graph, None, windows.proof[:EXACT_LIMIT], windows.self_test, order.code)
    bundle = pack_graph(
        graph,
        windows.self_test,
        extra={**(_files(code, graph, order) if code else {}), **reference.files(graph, windows.calibration, task)},
        model=order.model_id,
        version=order.number,
        task=task,
        precision=precision,
        lineage=order.lineage,
    )
    return Made({"bundle": bundle}, code, (f"It is a graph from elsewhere: its {form} was packed as it is.",))


def _graph(context: Context, version: str) -> tuple[str, bytes]:
    for form in FORMS:
        if (found := optional(context, version, form)) is not None:
            return form, found
    raise Refused(Reason.ARTIFACT_NOT_FOUND, field="export.version", name=f"{version}/artifacts/model")


def _check(order: Order, precision: str) -> None:
    if order.tuning is not None:
        raise _refused("fine_tune", "needs a version whose layers are known", f"{order.version}, which only runs")
    if order.code.boards and precision != "int8":
        raise _refused("cores", "need an int8 graph", f"{order.version}, which computes in float")


def _refused(field: str, problem: str, found: str) -> Refused:
    remedy = f"Export it without {field}."
    return Refused(Reason.FIELD_INVALID, field=f"export.{field}", problem=problem, found=found, remedy=remedy)


def _files(code: Code, graph: bytes, order: Order) -> dict[str, bytes]:
    """What was shown: its answers are all that two machines can be compared by."""
    found = {}
    if code.witnessed:
        values = order.windows.proof[:EXACT_LIMIT]
        exact = Exact(("onnxruntime", WITNESS), 1, len(values), run(graph, values).nbytes, 0)
        found[EXACT_NAME] = canonical(exact.to_json())
    if code.measured:
        found[EVIDENCE] = evidence(code.measured)
    return found
