"""What ONNX Runtime makes of every tensor of a graph, exactly as the graph is written."""

import numpy as np
import onnx
import onnxruntime


def session(graph: bytes, *, optimised: bool = True) -> onnxruntime.InferenceSession:
    """ONNX Runtime on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def answers(graph: bytes, windows: np.ndarray, *, optimised: bool = True) -> np.ndarray:
    """Logits (count, classes), window by window."""
    made = session(graph, optimised=optimised)
    name = made.get_inputs()[0].name
    return np.concatenate([made.run(None, {name: window[None]})[0].reshape(1, -1) for window in windows])


def tensors(graph: bytes, window: np.ndarray) -> dict[str, np.ndarray]:
    """Every intermediate tensor of one window, with all graph optimisations off."""
    model = onnx.load_from_string(graph)
    known = {value.name for value in model.graph.output}
    names = [name for node in model.graph.node for name in node.output if name not in known]
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
    made = session(model.SerializeToString(), optimised=False)
    every = [value.name for value in made.get_outputs()]
    return dict(zip(every, made.run(every, {made.get_inputs()[0].name: window[None]}), strict=True))
