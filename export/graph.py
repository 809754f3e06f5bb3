"""A small pen for ONNX graphs: nodes in the order written, initialisers as raw bytes, the same bytes each time."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from slipway.spec import TaskSpec

OPSET = 21
IR_VERSION = 10
INPUT = "window"
OUTPUT = "logits"


@dataclass
class Graph:
    """Nodes and initialisers so far; ``last`` names the value the next node reads."""

    last: str = INPUT
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: dict[str, onnx.TensorProto] = field(default_factory=dict)

    def constant(self, name: str, array: Any) -> str:
        """Store ``array`` under ``name`` and return the name."""
        self.initializers[name] = numpy_helper.from_array(np.ascontiguousarray(array).reshape(np.shape(array)), name)
        return name

    def add(self, operator: str, name: str, inputs: Sequence[str] = (), **attributes: Any) -> None:
        """Append a node that reads ``last``, then ``inputs``."""
        self.nodes.append(helper.make_node(operator, [self.last, *inputs], [name], name, **attributes))
        self.last = name


def finish(graph: Graph, task: TaskSpec, precision: str) -> onnx.ModelProto:
    """The checked model: input ``window`` (batch, time, channels), output ``logits`` (batch, classes), both float32."""
    graph.nodes[-1].output[0] = OUTPUT
    window = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["batch", *task.sensor.window_shape])
    logits = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", task.answer_size])
    body = helper.make_graph(graph.nodes, task.name, [window], [logits], list(graph.initializers.values()))
    model = helper.make_model(
        body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="slipway"
    )
    described = json.dumps(task.to_json(), sort_keys=True, separators=(",", ":"))
    helper.set_model_props(model, {"slipway.precision": precision, "slipway.task": described})
    onnx.checker.check_model(model, full_check=True)
    return model


def to_bytes(model: onnx.ModelProto) -> bytes:
    """The model as a file; equal models give equal bytes."""
    return bytes(model.SerializeToString(deterministic=True))
