"""Numbers that are computed where they are needed: an expression is evaluated for one index at a time.

Elementwise operators, gatherings and paddings become expressions, and a tensor is only stored where an operator needs
it whole. So a normalisation, a transposition, copies and the rounding to bytes are one loop over the window.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from export.c.tensors import Shape, Tensor


@dataclass(frozen=True, eq=False)
class Load:
    """The numbers of a stored tensor."""

    tensor: Tensor

    @property
    def shape(self) -> Shape:
        return self.tensor.shape

    @property
    def kind(self) -> str:
        return self.tensor.kind


@dataclass(frozen=True, eq=False)
class Fixed:
    """Constant numbers; ``source`` is how C reads the array."""

    source: str
    shape: Shape
    kind: str


@dataclass(frozen=True, eq=False)
class Transposed:
    """``inner`` with its axes in another order."""

    name: str
    inner: "Expression"
    axes: Shape

    @property
    def shape(self) -> Shape:
        return tuple(self.inner.shape[axis] for axis in self.axes)

    @property
    def kind(self) -> str:
        return self.inner.kind


@dataclass(frozen=True, eq=False)
class Taken:
    """``inner`` read along one axis where ``places`` say; ``table`` is how C reads them."""

    name: str
    inner: "Expression"
    axis: int
    places: npt.NDArray[np.int64]
    table: str

    @property
    def shape(self) -> Shape:
        return (*self.inner.shape[: self.axis], len(self.places), *self.inner.shape[self.axis + 1 :])

    @property
    def kind(self) -> str:
        return self.inner.kind


@dataclass(frozen=True, eq=False)
class Computed:
    """``form`` of the arguments, e.g. ``"{0} + {1}"``; shorter shapes are repeated as in NumPy."""

    name: str
    form: str
    inputs: tuple["Expression", ...]
    shape: Shape
    kind: str
    helpers: tuple[str, ...] = field(default=())  # kernels and headers that ``form`` calls


Expression = Load | Fixed | Transposed | Taken | Computed


def inputs(expression: Expression) -> tuple[Expression, ...]:
    """What an expression is made of."""
    match expression:
        case Computed(inputs=found):
            return found
        case Transposed(inner=inner) | Taken(inner=inner):
            return (inner,)
    return ()


def loads(expression: Expression) -> list[Tensor]:
    """Every stored tensor that an expression reads."""
    if isinstance(expression, Load):
        return [expression.tensor]
    return [tensor for inner in inputs(expression) for tensor in loads(inner)]


def helpers(expression: Expression) -> set[str]:
    """Every helper that an expression calls."""
    own = set(expression.helpers) if isinstance(expression, Computed) else set()
    return own.union(*(helpers(inner) for inner in inputs(expression)))


def is_free(expression: Expression) -> bool:
    """Whether reading a number twice costs nothing: no arithmetic in it."""
    return not isinstance(expression, Computed) and all(is_free(inner) for inner in inputs(expression))
