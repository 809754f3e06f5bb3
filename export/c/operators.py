"""What the generated code does, one record for each operator that needs its input whole."""

from dataclasses import dataclass

from export.c.expressions import Expression, loads
from export.c.tensors import Shape, Tensor


@dataclass(frozen=True, eq=False)
class Map:
    """Every number of ``target`` from an expression of the same index; ``start`` is where a concatenation begins."""

    name: str
    target: Tensor
    value: Expression
    start: int = 0


@dataclass(frozen=True, eq=False)
class Reduce:
    """Sum, mean, L2 norm or maximum of an expression over ``axes``; the target keeps them with length one."""

    name: str
    target: Tensor
    value: Expression
    axes: Shape
    kind: str  # "sum", "mean", "l2" or "max"


@dataclass(frozen=True)
class Window:
    """How a convolution or pooling slides over (height, width, channels); see ``kernels/shape.c``."""

    height: int
    width: int
    channels: int
    rows: int
    columns: int
    down: int = 1
    across: int = 1
    stride_down: int = 1
    stride_across: int = 1
    top: int = 0
    left: int = 0
    groups: int = 1
    block: int = 0


@dataclass(frozen=True, eq=False)
class Linear:
    """Integer sums of products: a convolution, a dense layer, or a sum over time.

    Args:
        form: kernel: ``conv``, ``pooled``, ``dense``, ``gather``, ``depthwise`` or ``total``.
        weights: name of the packed int8 weights; None for sums with weights of one.
        bias: name of the adapter's biases, the source's zero point folded in.
        scale: name of the adapter's float32 scales; None if the sums leave as int32.
        zeros: name of the adapter's two zero points, source and target.
        features: of one group.
        length: inputs of a feature, as packed.
        relu: no byte under the target's zero leaves.
        scratch: bytes in the arena for padded or gathered places.
        pool: how many places are pooled into one, for the form ``pooled``.
    """

    name: str
    form: str
    source: Tensor
    target: Tensor
    window: Window
    weights: str | None
    bias: str
    scale: str | None
    zeros: str
    features: int
    length: int
    relu: bool = False
    scratch: int = 0
    pool: int = 1


@dataclass(frozen=True, eq=False)
class FloatConv:
    """A convolution or dense layer in float; ``weights`` and ``bias`` are how C reads them.

    Args:
        features: of the target; where two are squared and added up, of both together.
        length: inputs of a feature as packed, where sums of 16-bit whole numbers stand for float ones; else 0.
        squared: the two tensors whose squares the target is the sum of, neither of them stored; else none.
        fold: numbers of a place whose halves are added for the first of these and subtracted for the other; else 0.
        sum: how the target would be made of them.
    """

    name: str
    source: Tensor
    target: Tensor
    window: Window
    weights: str
    bias: str | None
    features: int
    batch: int = 1
    length: int = 0
    squared: tuple[Tensor, ...] = ()
    fold: int = 0
    sum: Map | None = None


@dataclass(frozen=True, eq=False)
class Pool:
    """Maximum (any type) or average (float) of each channel; ``every`` counts the padding in."""

    name: str
    form: str  # "max" or "average"
    source: Tensor
    target: Tensor
    window: Window
    every: bool = False


@dataclass(frozen=True, eq=False)
class Softmax:
    """Shares that add up to one over the last axis."""

    name: str
    source: Tensor
    target: Tensor


Operator = Map | Reduce | Linear | FloatConv | Pool | Softmax


def read(operator: Operator) -> list[Tensor]:
    """The stored tensors that an operator reads."""
    match operator:
        case Map(value=value) | Reduce(value=value):
            return loads(value)
        case _:
            return [operator.source]
