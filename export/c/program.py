"""The program under construction: operators in order, the numbers they need, and how each ONNX value can be read."""

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from export.c.expressions import Computed, Expression, Fixed, Load
from export.c.operators import Map, Operator
from export.c.reader import Node, Source, refuse
from export.c.tensors import KINDS, WINDOW, Shape, Tensor, lies, plain, size, stored_axes, strides
from export.integer import check_accumulator

ADAPTER_LIMIT = 256  # numbers: longer constants of the float front are no adapter's, they stay with the weights


@dataclass(frozen=True, eq=False)
class Numbers:
    """A constant array of the generated code."""

    name: str
    array: npt.NDArray[Any]


@dataclass
class Program:
    """Operators so far, in order.

    Args:
        prefix: of every name that a linker sees.
        values: how the C code reads each ONNX value that was reached.
        weights: what no small adapter changes.
        adapter: what it may change: biases, scales, zero points, the front's constants.
        seen: (operators before it, ONNX value, how to read it), for the trace.
    """

    source: Source
    prefix: str
    values: dict[str, Expression] = field(default_factory=dict)
    operators: list[Operator] = field(default_factory=list)
    weights: list[Numbers] = field(default_factory=list)
    adapter: list[Numbers] = field(default_factory=list)
    seen: list[tuple[int, str, Expression]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    bounds: dict[str, int] = field(default_factory=dict)  # largest magnitude of each int32 value

    def identifier(self, name: str) -> str:
        """A C name for an ONNX name, not used before."""
        found = re.sub(r"\W", "_", name, flags=re.ASCII)
        found = f"t_{found}"  # whatever the graph calls it, it is no word of C and none of ours
        unique, count = found, 1
        while unique in self.names:
            count += 1
            unique = f"{found}_{count}"
        self.names.add(unique)
        return unique

    def adapt(self, name: str, array: npt.NDArray[Any]) -> str:
        """Keep numbers that an adapter may change; returns how C reads them."""
        self.adapter.append(Numbers(self.identifier(name), np.ascontiguousarray(array).ravel()))
        return f"a->{self.adapter[-1].name}"

    def keep(self, name: str, array: npt.NDArray[Any]) -> str:
        """Keep numbers that only a whole update changes, equal ones once; returns how C reads them."""
        flat = np.ascontiguousarray(array).ravel()
        same = (one for one in self.weights if one.array.dtype == flat.dtype and np.array_equal(one.array, flat))
        found = next(same, None)
        if found is None:
            found = Numbers(self.identifier(name), flat)
            self.weights.append(found)
        return f"{self.prefix}_{found.name}"

    def new(self, name: str, shape: Shape, kind: str, wanted: Shape | None = None) -> Tensor:
        """A tensor in the arena, stored with its channels last unless other strides are wanted."""
        return Tensor(self.identifier(name), shape, wanted or strides(shape, stored_axes(shape)), kind)

    def read(self, node: Node, place: int) -> Expression:
        """How input ``place`` of a node is read."""
        name = node.inputs[place]
        if name in self.values:
            return self.values[name]
        array = self.constant(node, place)
        if array.dtype.name not in KINDS:
            refuse(
                node.field,
                f"{node.operator} reads {array.dtype.name} numbers; float32, int32, int8 and uint8 are known",
            )
        self.values[name] = self.fixed(name, array)
        return self.values[name]

    def bound(self, node: Node, name: str) -> int:
        """The largest magnitude an int32 value can take."""
        if name in self.source.constants:
            return int(np.abs(self.source.constants[name].astype(np.int64)).max(initial=0))
        if name not in self.bounds:
            refuse(node.field, f"{node.operator} adds int32 values whose largest sum is not known")
        return self.bounds[name]

    def limit(self, node: Node, bound: int) -> None:
        """Note the bound of the node's int32 sums, and refuse those that may leave 32 bits."""
        check_accumulator(node.output, bound)
        self.bounds[node.output] = bound

    def fixed(self, name: str, array: npt.NDArray[Any]) -> Fixed:
        """Constant numbers as an expression."""
        where = self.adapt if array.size <= ADAPTER_LIMIT else self.keep
        wide = array if array.dtype == np.float32 else array.astype(np.int32)
        return Fixed(where(name, wide), array.shape, KINDS[wide.dtype.name])

    def constant(self, node: Node, place: int, otherwise: npt.NDArray[Any] | None = None) -> npt.NDArray[Any]:
        """A constant input of a node."""
        name = node.inputs[place] if place < len(node.inputs) else ""
        if not name and otherwise is not None:
            return otherwise
        if name not in self.source.constants:
            refuse(node.field, f"input {place} of {node.operator} must be constant")
        return self.source.constants[name]

    def store(self, name: str, value: Expression, wanted: Shape | None = None) -> Tensor:
        """``value`` in memory with the wanted strides; nothing is copied if it already lies so."""
        found = wanted or strides(value.shape, stored_axes(value.shape))
        if isinstance(value, Load) and lies(value.tensor, found):
            return value.tensor
        target = self.new(name, value.shape, value.kind, found)
        self.operators.append(Map(name, target, value))
        return target

    def stored(self, node: Node, place: int, wanted: Shape | None = None) -> Tensor:
        """Input ``place`` of a node in memory."""
        name, value = node.inputs[place], self.read(node, place)
        if isinstance(value, Load) and value.tensor.order is not None:
            return value.tensor
        tensor = self.store(name, value, wanted)
        if isinstance(value, Computed) and wanted is None:
            self.values[name] = Load(tensor)
        return tensor

    def settle(self, node: Node, value: Expression) -> None:
        """Let later nodes read the node's output as ``value``; arithmetic that is read twice is stored."""
        if isinstance(value, Computed) and (self.source.uses(node.output) > 1 or self._is_one_for_many(node)):
            value = Load(self.store(node.output, value))
        elif isinstance(value, Load):
            self.seen.append((len(self.operators), node.output, value))
        self.values[node.output] = value

    def _is_one_for_many(self, node: Node) -> bool:
        """Whether a single number would be computed again for each of many."""
        made = [self.source.shapes[reader.output] for reader in self.source.readers(node.output)]
        return size(self.source.shapes[node.output]) == 1 and any(size(shape) > 1 for shape in made)


def begin(source: Source, prefix: str) -> Program:
    """A program that knows how to read the window."""
    shape = source.shapes[source.input]
    return Program(source, prefix, {source.input: Load(Tensor(WINDOW, shape, plain(shape), "float"))})
