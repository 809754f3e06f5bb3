"""Expressions and loops as C: one nest of loops for each map or reduction, numbers in the order they are stored."""

import re
from dataclasses import dataclass, field

from export.c.expressions import Computed, Expression, Fixed, Load, Taken, Transposed
from export.c.operators import Map, Reduce
from export.c.tensors import FLOAT, Shape, Tensor, plain, size

Index = tuple[str, ...]


@dataclass
class Pen:
    """Lines of C; ``traced`` names the static buffers that unstored values are copied to when the trace is compiled."""

    macro: str
    arithmetic: str
    lines: list[str] = field(default_factory=list)
    depth: int = 1
    count: int = 0
    traced: dict[str, tuple[str, str, int]] = field(default_factory=dict)  # ONNX name → (buffer, type, numbers)
    every: dict[str, tuple[str, int]] = field(default_factory=dict)  # buffers of tensors that are pooled at once
    shown: set[str] = field(default_factory=set)

    def write(self, line: str) -> None:
        self.lines.append(line if line.startswith("#") else "    " * self.depth + line)

    def open(self, line: str) -> None:
        self.write(f"{line} {{")
        self.depth += 1

    def back(self, depth: int) -> None:
        """Close all that was opened since."""
        while self.depth > depth:
            self.depth -= 1
            self.write("}")

    def fresh(self) -> str:
        self.count += 1
        return f"v{self.count}"


def linear_index(shape: Shape, steps: Shape, index: Index) -> str:
    """The place of an index in memory."""
    terms = [
        place if step == 1 else f"({place} * {step})"
        for length, step, place in zip(shape, steps, index, strict=True)
        if length > 1 and place != "0"
    ]
    return " + ".join(terms) or "0"


def aligned(shape: Shape, index: Index) -> Index:
    """The index of a shorter or repeated shape, as NumPy broadcasts."""
    own = index[len(index) - len(shape) :]
    return tuple("0" if length == 1 else place for length, place in zip(shape, own, strict=True))


def evaluate(pen: Pen, value: Expression, index: Index) -> str:
    """Write what computes ``value`` at ``index``; returns the C expression that holds it."""
    match value:
        case Load(tensor=tensor):
            return f"{tensor.buffer}[{linear_index(tensor.shape, tensor.strides, index)}]"
        case Fixed(source=source, shape=shape):
            return f"{source}[{linear_index(shape, plain(shape), index)}]"
        case Transposed(inner=inner, axes=axes):
            places = dict(zip(axes, index, strict=True))
            found = evaluate(pen, inner, tuple(places[axis] for axis in range(len(axes))))
        case Taken(inner=inner, axis=axis, table=table):
            found = evaluate(pen, inner, (*index[:axis], f"{table}[{index[axis]}]", *index[axis + 1 :]))
        case Computed(form=form, inputs=inputs, kind=kind):
            parts = [_operand(evaluate(pen, one, aligned(one.shape, index))) for one in inputs]
            found = pen.fresh()
            cast = "" if kind == FLOAT else f"({kind})"
            pen.write(f"const {kind} {found} = {cast}{'(' if cast else ''}{form.format(*parts)}{')' if cast else ''};")
    _trace(pen, value, index, found)
    return found


def _operand(text: str) -> str:
    return text if re.fullmatch(r"[\w>\-]+(\[.*\])?", text) else f"({text})"


def _trace(pen: Pen, value: Computed | Taken | Transposed, index: Index, found: str) -> None:
    buffer = "traced_" + re.sub(r"\W", "_", value.name, flags=re.ASCII)
    pen.traced[value.name] = (buffer, value.kind, size(value.shape))
    pen.write(f"#ifdef {pen.macro}")
    pen.write(f"{buffer}[{linear_index(value.shape, plain(value.shape), index)}] = {found};")
    pen.write("#endif")


def write_map(pen: Pen, operator: Map) -> None:
    """Loops over the target in the order it is stored."""
    depth = pen.depth
    index = _loops(pen, operator.target, tuple(range(len(operator.target.shape))))
    found = evaluate(pen, operator.value, index)
    place = linear_index(operator.target.shape, operator.target.strides, index)
    start = f"{operator.start} + " if operator.start else ""
    cast = "" if operator.target.kind == operator.value.kind else f"({operator.target.kind})"
    pen.write(f"{operator.target.buffer}[{start}{place}] = {cast}{found};")
    pen.back(depth)


def write_reduce(pen: Pen, operator: Reduce) -> None:
    """Loops over the target, inside them over what is reduced."""
    target, shape = operator.target, operator.value.shape
    kept = tuple(axis for axis in range(len(shape)) if axis not in operator.axes)
    depth = pen.depth
    index = _loops(pen, target, kept)
    whole, inside = list(index), pen.depth
    first = {"max": "-INFINITY"}.get(operator.kind, "0.0f")
    pen.write(f"float sum = {first};")
    for axis in operator.axes:
        if shape[axis] > 1:
            whole[axis] = f"i{axis}"
            pen.open(f"for (int32_t i{axis} = 0; i{axis} < {shape[axis]}; i{axis}++)")
    found = evaluate(pen, operator.value, tuple(whole))
    grow = {"max": f"({found} > sum) ? {found} : sum", "l2": f"sum + ({found} * {found})"}
    pen.write(f"sum = {grow.get(operator.kind, f'sum + {found}')};")
    pen.back(inside)
    ends = {"mean": f"sum / {size(tuple(shape[axis] for axis in operator.axes))}.0f", "l2": "sqrtf(sum)"}
    place = linear_index(target.shape, target.strides, index)
    pen.write(f"{target.buffer}[{place}] = {ends.get(operator.kind, 'sum')};")
    pen.back(depth)


def _loops(pen: Pen, target: Tensor, axes: Shape) -> Index:
    """Open a loop for each of ``axes`` that is longer than one, the outermost with the largest stride."""
    index = ["0"] * len(target.shape)
    for axis in sorted(axes, key=lambda one: -target.strides[one]):
        if target.shape[axis] > 1:
            index[axis] = f"i{axis}"
            pen.open(f"for (int32_t i{axis} = 0; i{axis} < {target.shape[axis]}; i{axis}++)")
    if all(place == "0" for place in index):
        pen.write("{")
        pen.depth += 1
    return tuple(index)
