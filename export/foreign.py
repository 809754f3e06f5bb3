"""What a graph from elsewhere must be before it is run: the operators, the opset, one window in and one answer out."""

from typing import Literal

import numpy as np
import onnx
from onnx import TensorProto

from export.graph import OPSET
from slipway.bundle.archive import BUNDLE_LIMIT_BYTES
from slipway.bundle.graph import check_graph
from slipway.errors import Reason, Refused
from slipway.spec import TaskSpec

INTEGER_OPERATORS = frozenset(
    {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul"}
    | {"ConvInteger", "MatMulInteger"}
)
FLOAT_OPERATORS = frozenset(
    {"Add", "Sub", "Mul", "Div", "Relu", "Clip", "Sigmoid", "Tanh", "Exp", "Log", "Sqrt", "Max", "Min", "Cast"}
    | {"Conv", "Gemm", "MatMul", "BatchNormalization", "Dropout", "Identity", "Constant", "Softmax", "LogSoftmax"}
    | {"MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"}
    | {"ReduceMean", "ReduceSum", "ReduceL2", "ReduceMax"}
    | {"Transpose", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Concat", "Gather", "Slice", "Pad"}
)
OPERATORS = FLOAT_OPERATORS | INTEGER_OPERATORS
LEAST_OPSET = 13
ELEMENT_LIMIT = 2**24  # numbers of one window in one tensor
Layout = Literal["time_channels", "channels_time"]


def checked(data: bytes, task: TaskSpec, layout: Layout | None) -> tuple[onnx.ModelProto, bool]:
    """The graph of an ONNX file, and whether its input is (batch, channels, time).

    Args:
        data: the file.
        task: what it should answer.
        layout: of the input, where the shape leaves it open.

    Raises:
        Refused: as ``importing.read_graph``.
    """
    if len(data) > BUNDLE_LIMIT_BYTES:
        raise Refused(Reason.LIMIT_EXCEEDED, field="graph", found=len(data), limit=BUNDLE_LIMIT_BYTES)
    check_graph(data)
    model = _parsed(data)
    _check_opset(model)
    _check_nodes(model)
    turned = _check_input(model, task, layout)
    _check_output(model, task)
    _check_shapes(model)
    return model, turned


def _parsed(data: bytes) -> onnx.ModelProto:
    try:
        model = onnx.load_model_from_string(data)
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # the parser's, the checker's and the inference's exceptions share no base class
        raise refused("graph", "needs a valid ONNX file", str(error).splitlines()[0], "Export it again.") from error
    return model


def _check_opset(model: onnx.ModelProto) -> None:
    version = next((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), 0)
    if not LEAST_OPSET <= version <= OPSET:
        remedy = f"Export it with opset {OPSET}, or convert it with onnx.version_converter."
        raise refused("graph.opset", f"needs {LEAST_OPSET} to {OPSET}", version, remedy)


def _check_nodes(model: onnx.ModelProto) -> None:
    for index, node in enumerate(model.graph.node):
        if node.op_type not in OPERATORS:
            remedy = f"Use the operators {', '.join(sorted(OPERATORS))}."
            field = f"graph.node.{node.name or index}"
            raise refused(field, "needs an operator of the documented set", node.op_type, remedy)


def _check_input(model: onnx.ModelProto, task: TaskSpec, layout: Layout | None) -> bool:
    """Whether the input is (batch, channels, time)."""
    inputs = graph_inputs(model)
    if len(inputs) != 1:
        raise refused("graph.input", "needs one input", [value.name for value in inputs], "Export one input.")
    value = inputs[0]
    time, channels = task.sensor.window_shape
    shapes = {"time_channels": [time, channels], "channels_time": [channels, time]}
    found = _shape(value)
    field = f"graph.input.{value.name}"
    if value.type.tensor_type.elem_type != TensorProto.FLOAT or len(found) != 3 or None in found[1:]:
        remedy = f"Export it with a float32 input (batch, {time}, {channels}) or (batch, {channels}, {time})."
        raise refused(field, "needs float32, three axes and a fixed window", found, remedy)
    _check_free(field, found)
    fitting = [name for name, shape in shapes.items() if found[1:] == shape and layout in (None, name)]
    if not fitting:
        wanted = [shapes[layout]] if layout else list(shapes.values())
        raise refused(field, f"needs windows of {wanted}", found[1:], "Import it for the sensor it was made for.")
    if len(fitting) > 1:
        remedy = f"Name the layout: {' or '.join(shapes)}."
        raise refused(field, "has as many samples as channels", found[1:], remedy)
    return fitting == ["channels_time"]


def _check_output(model: onnx.ModelProto, task: TaskSpec) -> None:
    outputs = model.graph.output
    if len(outputs) != 1:
        found = [value.name for value in outputs]
        raise refused("graph.output", "needs one output", found, "Export the logits alone.")
    shape, field = _shape(outputs[0]), f"graph.output.{outputs[0].name}"
    is_float = outputs[0].type.tensor_type.elem_type == TensorProto.FLOAT
    if not is_float or len(shape) != 2 or shape[1] != task.answer_size:
        remedy = f"Import it for the task it answers; this one asks for {task.answer_size} numbers."
        raise refused(field, f"needs float32 (batch, {task.answer_size})", shape, remedy)
    _check_free(field, shape)


def _check_free(field: str, shape: list[int | None]) -> None:
    if shape[0] is not None:
        raise refused(field, "needs a free batch", shape[0], "Export it with a dynamic first axis.")


def _check_shapes(model: onnx.ModelProto) -> None:
    """Every tensor behind a node has fixed axes but the first, and no more numbers than allowed."""
    known = {value.name: value for value in onnx.shape_inference.infer_shapes(model, data_prop=True).graph.value_info}
    known |= {value.name: value for value in model.graph.output}
    for index, node in enumerate(model.graph.node):
        field = f"graph.node.{node.name or index}"
        value = known.get(node.output[0])
        shape = None if value is None or not value.type.tensor_type.HasField("shape") else _shape(value)
        if shape is None or None in shape[1:]:
            remedy = "Export it with fixed axes, the batch alone free."
            raise refused(field, "needs a result of fixed shape", "unknown" if shape is None else shape, remedy)
        size = int(np.prod([one or 1 for one in shape], dtype=np.float64))
        if size > ELEMENT_LIMIT:
            raise Refused(Reason.LIMIT_EXCEEDED, field=field, found=size, limit=ELEMENT_LIMIT)


def graph_inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """The values a caller must give: old files list their weights among the inputs, too."""
    weights = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in weights]


def _shape(value: onnx.ValueInfoProto) -> list[int | None]:
    axes = value.type.tensor_type.shape.dim
    return [axis.dim_value if axis.HasField("dim_value") else None for axis in axes]


def refused(field: str, problem: str, found: object, remedy: str) -> Refused:
    """The refusal of one value or node."""
    return Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=found, remedy=remedy)
