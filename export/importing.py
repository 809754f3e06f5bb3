"""A graph that was made elsewhere as a base: checked, put into our form, and where it can be, made a model of.

Every graph inside the operator set becomes one that a bundle can carry. A float graph whose nodes are our layers
becomes a ``Model`` as well, which adapts and is quantized like one of ours; of any other the bundle is all.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from export.chain import Unlike
from export.folding import fold
from export.foreign import INTEGER_OPERATORS, Layout, checked, graph_inputs, refused
from export.graph import INPUT, OUTPUT, to_bytes
from export.proof import run
from export.recognition import recognise
from export.steps import run as run_steps
from nets.model import Model
from slipway.errors import Reason, Refused
from slipway.spec import TaskSpec

TOLERANCE = 1e-4  # of the largest logit: what two orders of a sum in float32 may differ by
PROBES = 8


@dataclass(frozen=True, eq=False)
class Imported:
    """A graph from elsewhere in our form.

    Args:
        graph: an ONNX file from ``window`` (batch, time, channels) to ``logits``; a softmax at its end was dropped.
        precision: ``"float"`` or ``"int8"``: whether it holds integer operators.
        model: what the graph computes, as layers; None where it can only be run.
        obstacle: which node no layer describes, and why; "" where there is a model.
    """

    graph: bytes
    precision: str
    model: Model | None
    obstacle: str


def read_graph(data: bytes, task: TaskSpec, *, layout: Layout | None = None) -> Imported:
    """Check an ONNX file from elsewhere and make a base of it.

    Args:
        data: the file. One float input (batch, time, channels) or (batch, channels, time), one float output (batch,
            classes), the batch free and all else fixed.
        task: what it answers.
        layout: of the input; needed only where a window has as many samples as channels.

    Raises:
        Refused: BUNDLE_MALFORMED for a file that is no ONNX file or reaches outside its own bytes; LIMIT_EXCEEDED;
            FIELD_INVALID, naming the node or the value, for what else it may not hold.
    """
    model, turned = checked(data, task, layout)
    own = _in_our_form(model, task, turned)
    graph = to_bytes(own)
    probes = _probes(task)
    answers = _answers(graph, task, probes)
    precision = "int8" if any(node.op_type in INTEGER_OPERATORS for node in own.graph.node) else "float"
    try:
        found = recognise(own, task)
    except Unlike as unlike:
        return Imported(graph, precision, None, str(unlike))
    _check_equal(found, probes, answers)
    return Imported(graph, precision, found, "")


def _in_our_form(model: onnx.ModelProto, task: TaskSpec, turned: bool) -> onnx.ModelProto:
    """The same graph from ``window`` to ``logits``: names, layout, no softmax at the end, no leftovers."""
    graph = model.graph
    first, last = graph_inputs(model)[0].name, graph.output[0].name
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in graph.node]
    end = next(node for node in nodes if last in node.output)
    if end.op_type in ("Softmax", "LogSoftmax"):
        nodes.remove(end)
        last = end.input[0]
    names = {INPUT: f"inner.{INPUT}", OUTPUT: f"inner.{OUTPUT}"}
    names |= {first: f"{INPUT}.turned" if turned else INPUT, last: OUTPUT}
    for node in nodes:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    if turned:
        nodes.insert(0, helper.make_node("Transpose", [INPUT], [f"{INPUT}.turned"], f"{INPUT}.turn", perm=[0, 2, 1]))
    window = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["batch", *task.sensor.window_shape])
    logits = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", task.answer_size])
    weights = [onnx.TensorProto.FromString(tensor.SerializeToString()) for tensor in graph.initializer]
    for tensor in weights:
        tensor.name = names.get(tensor.name, tensor.name)
    body = helper.make_graph(nodes, task.name, [window], [logits], weights)
    return helper.make_model(
        body, opset_imports=model.opset_import, ir_version=model.ir_version, producer_name="slipway"
    )


def _probes(task: TaskSpec) -> Any:
    random = np.random.default_rng(0)
    return random.standard_normal((PROBES, *task.sensor.window_shape)).astype(np.float32)


def _answers(graph: bytes, task: TaskSpec, probes: Any) -> Any:
    """Logits of the probes; a graph that only takes one size of batch, or gives no numbers, is refused."""
    try:
        found, alone = run(graph, probes), run(graph, probes[:1])
    except Exception as error:  # ONNX Runtime's own exceptions share no base class
        remedy = "Export it again, and run it once with ONNX Runtime."
        raise refused("graph", "needs to run in ONNX Runtime", str(error).splitlines()[0], remedy) from error
    if found.shape != (PROBES, task.answer_size) or alone.shape != (1, task.answer_size):
        remedy = "Export it with a dynamic first axis."
        raise refused("graph.output", f"needs (batch, {task.answer_size})", found.shape, remedy)
    if not np.isfinite(found).all():
        raise refused("graph.output", "needs finite numbers", "one that is not", "Train it again.")
    return found


def _check_equal(model: Model, probes: Any, answers: Any) -> None:
    difference = float(np.abs(run_steps(fold(model), probes) - answers).max() / max(float(np.abs(answers).max()), 1e-3))
    if not difference <= TOLERANCE:
        raise Refused(
            Reason.EXPORT_DIFFERS,
            field="graph",
            precision="float",
            samples=len(probes),
            problem="is not what the layers made of it compute",
            found=f"{difference:.4g}",
            limit=TOLERANCE,
        )
