"""From an int8 ONNX file of ours back to the int8 net, with the steps of the model it was exported from as the plan.

The steps say which layers there are; the file has their numbers. Nothing is believed: the net is written again, and
unless that gives the same file, byte for byte, there is no net.
"""

from collections.abc import Mapping

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper

from export import integer
from export import steps as s
from export.folding import split
from export.graph import to_bytes
from export.int8 import int8_onnx
from export.integer import Entry, Grid, Int8Net, Linear, Mean
from export.steps import Array, Floats, Steps
from slipway.errors import Reason, Refused
from slipway.spec import TaskSpec

Arrays = Mapping[str, Array]
_NEIGHBOURS = 4  # float32 values on either side of a quotient among which its product is found again


def read(graph: bytes, steps: Steps, task: TaskSpec) -> Int8Net:
    """The int8 net that ``export.int8`` wrote.

    Args:
        graph: an int8 ONNX file.
        steps: the folded model that was quantized.
        task: what the model answers.

    Raises:
        Refused: FROZEN_GRID_UNFIT, a file that these steps do not give.
    """
    try:
        found = _net(arrays_of(graph), steps)
        same = to_bytes(int8_onnx(found, task)) == graph
    except (KeyError, ValueError, IndexError) as error:
        raise _foreign() from error
    if not same:
        raise _foreign()
    return found


def arrays_of(graph: bytes) -> Arrays:
    """The initialisers of an ONNX file by name.

    Raises:
        Refused: FROZEN_GRID_UNFIT, not an ONNX file.
    """
    try:
        model = onnx.load_model_from_string(graph)
    except DecodeError as error:
        raise _foreign() from error
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def _net(arrays: Arrays, steps: Steps) -> Int8Net:
    front, back = split(steps)
    copies = int((arrays["entry.copied"] == 0).sum()) if "entry.copied" in arrays else 1
    entry = Entry(_grid(arrays, "entry"), copies)
    source: Grid = entry.grid
    leaves: Grid | None = source
    layers = []
    for step in back:
        layers.append(_layer(arrays, step, source))
        if isinstance(layers[-1], Linear | Mean):
            leaves = layers[-1].target
            source = leaves or source
    return Int8Net(front, entry, tuple(layers), leaves)


def _layer(arrays: Arrays, step: s.Step, source: Grid) -> integer.Layer:
    match step:
        case s.Conv(name, _, _, stride, groups, pads, circular):
            return _linear(arrays, name, source, stride, groups, pads, circular)
        case s.Dense(name):
            return _linear(arrays, name, source)
        case s.Scale(name, scale):
            return _linear(arrays, name, source, groups=scale.size)
        case s.Average(name, length):
            return Mean(name, length, source, _target(arrays, name))
        case _:
            assert isinstance(step, s.MaxPool | s.Flatten | s.Transpose), "fold leaves all others in front only"
            return step


def _linear(
    arrays: Arrays,
    name: str,
    source: Grid,
    stride: int = 1,
    groups: int = 1,
    pads: tuple[int, int] = (0, 0),
    circular: bool = False,
) -> Linear:
    target = _target(arrays, name)
    scale = arrays[f"{name}.weight_scale"] if target else _quotient(arrays[f"{name}.unit"], source.scale)
    weights, bias = arrays[f"{name}.weights"], arrays[f"{name}.bias"].ravel()
    return Linear(name, weights, scale, bias, stride, groups, pads, circular, source, target)


def _quotient(product: Floats, factor: np.float32) -> Floats:
    """The float32 values whose product with ``factor``, rounded to float32, is ``product``.

    Raises:
        ValueError: there are none.
    """
    bits = np.asarray(product / factor, np.float32).view(np.int32)
    near = (bits[:, None] + np.arange(-_NEIGHBOURS, _NEIGHBOURS + 1, dtype=np.int32)).view(np.float32)
    fits = near * factor == product[:, None]
    if not fits.any(axis=1).all():
        raise ValueError("a unit is no product with the scale of its layer's input")
    return np.asarray(near[np.arange(len(near)), fits.argmax(axis=1)], np.float32)


def _target(arrays: Arrays, name: str) -> Grid | None:
    return _grid(arrays, name) if f"{name}.scale" in arrays else None


def _grid(arrays: Arrays, name: str) -> Grid:
    return Grid(np.float32(arrays[f"{name}.scale"]), int(arrays[f"{name}.zero"]))


def _foreign() -> Refused:
    problem = "its graph is not what this version of Slipway writes for this model"
    return Refused(Reason.FROZEN_GRID_UNFIT, field="base.graph", problem=problem)
