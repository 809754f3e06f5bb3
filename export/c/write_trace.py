"""The trace: compiled in by a macro, it shows every tensor of the graph in ONNX's own order."""

import re

from export.c.expressions import Expression, Load
from export.c.tensors import FLOAT, plain, size
from export.c.write_expressions import Pen, linear_index


def write_seen(pen: Pen, name: str, value: Expression) -> None:
    """Show a stored tensor."""
    assert isinstance(value, Load)
    tensor = value.tensor
    buffer = traced_name(name)
    pen.traced[name] = (buffer, tensor.kind, size(tensor.shape))
    pen.write(f"#ifdef {pen.macro}")
    depth, index = pen.depth, []
    for axis, length in enumerate(tensor.shape):
        index.append(f"i{axis}" if length > 1 else "0")
        if length > 1:
            pen.open(f"for (int32_t i{axis} = 0; i{axis} < {length}; i{axis}++)")
    to = linear_index(tensor.shape, plain(tensor.shape), tuple(index))
    at = linear_index(tensor.shape, tensor.strides, tuple(index))
    pen.write(f"{buffer}[{to}] = {tensor.buffer}[{at}];")
    pen.back(depth)
    _show(pen, name)
    pen.write("#endif")
    pen.shown.add(name)


def trace_end(pen: Pen) -> None:
    """Show what the last operator computed on its way without storing it."""
    for name in [one for one in pen.traced if one not in pen.shown]:
        pen.write(f"#ifdef {pen.macro}")
        _show(pen, name)
        pen.write("#endif")
        pen.shown.add(name)


def _show(pen: Pen, name: str) -> None:
    buffer = pen.traced[name][0]
    pen.write(f'show("{quoted(name)}", {buffer}, sizeof {buffer});')


def traced_name(name: str) -> str:
    """The static buffer that a value is copied to."""
    return "traced_" + re.sub(r"\W", "_", name, flags=re.ASCII)


def quoted(name: str) -> str:
    """A name inside a C string: only what needs no escape."""
    return re.sub(r'["\\\n\r?]', "_", name)


def trace_head(pen: Pen, name: str) -> str:
    """Buffers and the function that takes the listener."""
    lines = [f"#ifdef {pen.macro}"]
    for buffer, kind, count in pen.traced.values():
        lines.append(f"static {'float' if kind == FLOAT else kind} {buffer}[{count}];")
    lines += [f"static {kind} {buffer}[{count}];" for buffer, (kind, count) in pen.every.items()]
    lines += [
        "static void (*listener)(const char *tensor, const void *data, unsigned long bytes) = 0;",
        "",
        f"void {name}_trace(void (*see)(const char *tensor, const void *data, unsigned long bytes))",
        "{",
        "    listener = see;",
        "}",
        "",
        "static void show(const char *tensor, const void *data, unsigned long bytes)",
        "{",
        "    if (listener != 0) {",
        "        listener(tensor, data, bytes);",
        "    }",
        "}",
        "#endif",
    ]
    return "\n".join(lines)
