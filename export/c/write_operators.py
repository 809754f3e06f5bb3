"""One operator as C: a nest of loops, or a call of its kernel with its numbers."""

from dataclasses import asdict

from export.c.fuse_pools import every_name
from export.c.kernels import SHORT, name_of
from export.c.operators import FloatConv, Linear, Map, Operator, Pool, Reduce, Softmax, Window
from export.c.plan import scratch_name
from export.c.tensors import BYTE_RANGE, FLOAT, INT8, Tensor, size
from export.c.write_expressions import Pen, write_map, write_reduce


def write(pen: Pen, operator: Operator) -> None:
    """Append the code of one operator."""
    pen.write(f"/* {comment(operator.name)} */")
    match operator:
        case Map():
            write_map(pen, operator)
        case Reduce():
            write_reduce(pen, operator)
        case Linear():
            _linear(pen, operator)
        case FloatConv():
            _float_conv(pen, operator)
        case Pool():
            _pool(pen, operator)
        case Softmax(source=source, target=target):
            length = source.shape[-1]
            pen.write(f"softmax({source.buffer}, {target.buffer}, {size(source.shape) // length}, {length});")


def comment(name: str) -> str:
    """A graph's name inside a comment: nothing in it can end the comment."""
    return "".join(letter if letter.isalnum() or letter in "._-:" else "_" for letter in name)


def _shape(pen: Pen, window: Window, pad: str = "0") -> None:
    fields = ", ".join(str(number) for number in asdict(window).values())
    pen.write(f"const shape s = {{{fields}, {pad}}};")


def _linear(pen: Pen, operator: Linear) -> None:
    depth = pen.depth
    pen.write("{")
    pen.depth += 1
    zero = f"{operator.zeros}[1]" if operator.scale else "0"  # where sums leave as they are, these are not read
    least, largest = BYTE_RANGE.get(operator.target.kind, (0, 0))
    low, high = "0" if operator.relu else f"{least} - {zero}", f"{largest} - {zero}"
    if operator.scale and pen.arithmetic == "float":
        low, high = f"(float)({low})", f"(float)({high})"
    numbers = f"{operator.weights or '0'}, {operator.bias}, {operator.scale or '0'}"
    pen.write(f"const linear l = {{{numbers}, {zero}, {low}, {high}, {operator.features}, {operator.length}}};")
    source, target, kernel = operator.source.buffer, _unsigned(operator.target), name_of(operator)
    if operator.form == "dense":
        pen.write(f"{kernel}(&l, {source}, {target});")
    elif operator.form == "total":
        pen.write(f"{kernel}(&l, {source}, {operator.window.width}, {operator.window.channels}, {target});")
    else:
        _shape(pen, operator.window, f"{operator.zeros}[0]")
        padded = scratch_name(operator) if operator.scratch else "0"
        call = f"{kernel}(&l, &s, {source}, {target}, {padded}"
        if operator.form == "pooled":
            _pooled(pen, operator, call)
        else:
            pen.write(f"{call});")
    pen.back(depth)


def _pooled(pen: Pen, operator: Linear, call: str) -> None:
    """The trace has a buffer for the tensor that is never stored."""
    every = every_name(operator)
    pen.every[every] = (operator.target.kind, operator.window.columns * operator.features)
    pen.write(f"#ifdef {pen.macro}")
    pen.write(f"{call}, {operator.pool}, (uint8_t *){every});")
    pen.write("#else")
    pen.write(f"{call}, {operator.pool}, 0);")
    pen.write("#endif")


def _unsigned(tensor: Tensor) -> str:
    """Bytes are written as unsigned ones, whatever they stand for."""
    return f"(uint8_t *){tensor.buffer}" if tensor.kind == INT8 else tensor.buffer


def _float_conv(pen: Pen, operator: FloatConv) -> None:
    depth, window = pen.depth, operator.window
    pen.write("{")
    pen.depth += 1
    _shape(pen, window)
    source, target = operator.source.buffer, operator.target.buffer
    if operator.length:
        _whole_conv(pen, operator)
        pen.back(depth)
        return
    if operator.batch > 1:
        pen.write(f"for (int32_t b = 0; b < {operator.batch}; b++) {{")
        pen.depth += 1
        source = f"&{source}[b * {window.height * window.width * window.channels}]"
        target = f"&{target}[b * {window.rows * window.columns * operator.features}]"
    pen.write(f"float_conv(&s, {source}, {operator.weights}, {operator.bias or '0'}, {operator.features}, {target});")
    pen.back(depth)


def _whole_conv(pen: Pen, operator: FloatConv) -> None:
    """In whole numbers; the trace has buffers for two tensors whose squares alone are stored, and their sum's terms."""
    source, target, length = operator.source.buffer, operator.target.buffer, operator.length
    if operator.sum is None:
        pen.write(f"whole_conv(&s, {source}, {operator.weights}, {operator.features}, {length}, {target});")
        return
    call = f"powers(&s, {source}, {operator.weights}, {operator.features // 2}, {length}, {operator.fold}, {target}"
    for one in operator.squared:
        pen.every[one.buffer] = (FLOAT, size(one.shape))
    pen.write(f"#ifdef {pen.macro}")
    pen.write(f"{call}, {', '.join(one.buffer for one in operator.squared)});")
    write_map(pen, operator.sum)
    pen.write("#else")
    pen.write(f"{call}, 0, 0);")
    pen.write("#endif")


def _pool(pen: Pen, operator: Pool) -> None:
    depth = pen.depth
    pen.write("{")
    pen.depth += 1
    _shape(pen, operator.window)
    source, target = operator.source.buffer, operator.target.buffer
    if operator.form == "max":
        pen.write(f"max_pool_{SHORT[operator.source.kind]}(&s, {source}, {target});")
    else:
        pen.write(f"average_pool(&s, {source}, {target}, {int(operator.every)});")
    pen.back(depth)
