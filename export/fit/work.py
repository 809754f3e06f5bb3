"""What a generated program does and what its code is made of, counted from its operators.

The counts are those of the loops in ``export/c/kernels``: how often each body runs. Instructions are linear in them,
code size and stack are linear in which kernels there are; ``export.fit.cost`` holds the coefficients.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from math import ceil

from export.c.expressions import Computed, Expression, inputs
from export.c.operators import FloatConv, Linear, Map, Operator, Pool, Reduce, Softmax
from export.c.packing import BLOCK
from export.c.tensors import INT32, UINT8, size

Counts = Counter[str]
_FUNCTIONS = re.compile(r"\b(sqrtf|expf|logf|tanhf|rintf|floorf)\b")


def work(operators: Sequence[Operator]) -> Counts:
    """How often each loop body runs in one inference."""
    found = Counter({"run": 1, "operators": len(operators)})
    for operator in operators:
        match operator:
            case Linear():
                found += _linear(operator)
            case Map(target=target, value=value):
                found += _elements(value, size(target.shape))
            case Reduce(value=value):
                found += _elements(value, size(value.shape)) + Counter({"reduced": size(value.shape)})
            case FloatConv(window=window, features=features, length=length) if length:
                whole = window.columns * (features + -features % BLOCK)
                found += Counter({"whole products": whole * length, "whole blocks": whole // BLOCK})
            case FloatConv(window=window, features=features, batch=batch):
                places = batch * window.rows * window.columns
                seen = window.down * window.across * window.channels // window.groups
                found += Counter({"float products": places * features * seen, "float sums": places * features})
            case Pool(window=window, source=source):
                kind = "bytes" if source.kind == UINT8 else "floats"
                whole = window.rows * window.columns * window.channels * window.down * window.across
                found += Counter({f"pooled {kind}": whole})
            case Softmax(source=source):
                found += Counter({"expf": size(source.shape)})
    return found


def parts(operators: Sequence[Operator]) -> Counts:
    """What the code is made of: which kernels, and how many statements of each kind."""
    found = Counter({"program": 1})
    kernels: set[str] = set()
    for operator in operators:
        match operator:
            case Linear():
                leaves = "bytes" if operator.scale else "sums"
                kernels |= {f"kernel {operator.form} to {leaves}"}
                found += Counter({f"call {'dense' if operator.form in ('dense', 'total') else 'window'}": 1})
            case Map(value=value) | Reduce(value=value):
                names = list(_names(value))
                kernels |= {f"kernel {name}" for name in names if name in ("quantized", *_LIBRARY)}
                found += Counter({"loop": 1, "terms": len(names)})
            case Pool(form=form, source=source):
                kernels |= {f"kernel {form} pool {source.kind}"}
                found += Counter({"call window": 1})
            case FloatConv(length=length, squared=squared):
                kernels |= {f"kernel {'powers' if squared else 'whole conv' if length else 'float conv'}"}
                found += Counter({"call window": 1})
            case Softmax():
                kernels |= {"kernel softmax", "kernel expf"}
                found += Counter({"call dense": 1})
    return found + Counter(dict.fromkeys(kernels, 1))


def depth(operators: Sequence[Operator]) -> Counts:
    """What the stack holds: a frame of the run, the deepest kernel's, and its table of rows."""
    linear = [one for one in operators if isinstance(one, Linear)]
    taps = max((one.length for one in linear if one.form == "depthwise"), default=0)
    folded = max((one.length for one in operators if isinstance(one, FloatConv) and one.fold), default=0)
    library = any(name in _LIBRARY for one in operators if isinstance(one, Map | Reduce) for name in _names(one.value))
    frames = {
        "run": 1,
        "loops": any(isinstance(one, FloatConv | Reduce | Pool) for one in operators),
        "library": library,
        "pooled": any(one.form == "pooled" for one in linear),
        "depthwise": taps > 0,
        "row pointers": taps,
        "folded": folded,
    }
    return Counter({name: int(count) for name, count in frames.items() if count})


_LIBRARY = ("sqrtf", "expf", "logf", "tanhf", "rintf", "floorf")


def _linear(one: Linear) -> Counts:
    window = one.window
    places, whole = window.rows * window.columns, one.features + -one.features % BLOCK
    leaves = "requantised" if one.scale else "sums stored"
    match one.form:
        case "depthwise":
            return Counter(
                {
                    "depthwise products": places * whole * one.length,
                    "depthwise rows": places * one.length,
                    "depthwise blocks": places * whole // BLOCK,
                    leaves: places * one.features,
                }
            )
        case "total":
            return Counter(
                {"summed": window.channels * one.features * one.length, leaves: window.channels * one.features}
            )
        case "pooled":
            pooled = places // one.pool
            pairs = pooled * ceil(one.pool / 2)
            found = _pairs(pairs, whole, one.length) + Counter({"looks": pooled * one.pool})
            return found + Counter({"compared": pairs * whole, leaves: pooled * one.features})
        case "conv":
            found = _pairs(places // 2, whole, one.length) + _singles(places % 2, whole, one.length)
            return found + Counter({"looks": places, leaves: places * one.features})
        case "gather":
            found = _singles(places * window.groups, whole, one.length)
            gathered = places * window.groups * window.down * window.across
            return found + Counter({"gathered": gathered, leaves: places * window.groups * one.features})
        case _:
            return _singles(1, whole, one.length) + Counter({leaves: one.features})


def _pairs(count: int, features: int, length: int) -> Counts:
    return Counter({"pair products": 2 * count * features * length, "pair blocks": count * features // BLOCK})


def _singles(count: int, features: int, length: int) -> Counts:
    return Counter({"single products": count * features * length, "single blocks": count * features // BLOCK})


def _elements(value: Expression, count: int) -> Counts:
    """Each number is stored once; every term of its expression is computed for it."""
    terms = Counter(_names(value))
    return Counter({"stored": count}) + Counter({name: terms[name] * count for name in terms})


def _names(value: Expression) -> Iterator[str]:
    """The kinds of the terms of an expression."""
    if isinstance(value, Computed):
        function = _FUNCTIONS.search(value.form)
        if function:
            yield function.group(1)
        elif "quantize" in value.form:
            yield "quantized"
        elif "/" in value.form:
            yield "divided"
        else:
            yield "integer term" if value.kind == INT32 else "float term"
    for inner in inputs(value):
        yield from _names(inner)
