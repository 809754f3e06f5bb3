"""The kernels a program calls, with their types filled in; each is written once, whatever calls it."""

from collections.abc import Sequence
from pathlib import Path

from export.c import chunks
from export.c.expressions import helpers
from export.c.operators import FloatConv, Linear, Map, Operator, Pool, Reduce, Softmax
from export.c.packing import BLOCK
from export.c.tensors import FLOAT, INT8, UINT8

_FOLDER = Path(__file__).parent / "kernels"
SHORT = {UINT8: "u8", INT8: "s8", FLOAT: "float", "int32_t": "int32"}
_ARITHMETIC = {"float": {"SCALE": "real", "LIMIT": "float"}, "integer": {"SCALE": "uint32_t", "LIMIT": "int32_t"}}
DSP = "#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__)"
_TYPES = {FLOAT: "real", "int32_t": "whole"}


DOTS = frozenset({"conv", "pooled", "dense", "gather"})
_PAIRED = frozenset({"conv", "pooled"})
_PARTS: dict[str, frozenset[str]] = {  # kernel → the forms that call it, callees first
    "leave_@": DOTS | {"depthwise"},
    "place": DOTS,
    "places": frozenset({"conv"}),
    **{form: frozenset({form}) for form in ("conv", "pooled", "gather", "depthwise", "total")},
}


def text(name: str, **words: str) -> str:
    """A kernel with ``@WORD@`` filled in."""
    found = (_FOLDER / f"{name}.c").read_text(encoding="utf-8")
    for word, value in words.items():
        found = found.replace(f"@{word}@", value)
    return found


def kernels(operators: Sequence[Operator], arithmetic: str, simd: bool, trace: str) -> str:
    """Every kernel that ``operators`` call, in an order a C compiler takes; ``trace`` is the macro of the trace."""
    linear = [one for one in operators if isinstance(one, Linear)]
    parts = [text("types")]
    if any(isinstance(one, Linear | FloatConv | Pool) for one in operators):
        parts.append(text("shape"))
    if linear:
        parts.append(text("head", **_ARITHMETIC[arithmetic]))
    if any(one.scale for one in linear):
        parts.append(text(f"requantize_{arithmetic}"))
    parts += _linear(linear, arithmetic, simd, trace)
    parts += [_max_pool(kind) for kind in _kinds(operators, "max")]
    if _kinds(operators, "average"):
        parts.append(text("average_pool"))
    parts += _float_conv([one for one in operators if isinstance(one, FloatConv)], simd)
    if any(isinstance(one, Softmax) for one in operators):
        parts.append(text("softmax"))
    called = set().union(*(helpers(one.value) for one in operators if isinstance(one, Map | Reduce)))
    parts += [text(name) for name in sorted(called)]
    return "\n".join([*parts, text("crc32")])


def name_of(operator: Linear) -> str:
    """The kernel of a linear operator."""
    form = "place" if operator.form == "dense" else operator.form
    return f"{form}_{SHORT[operator.source.kind]}_{_leaves(operator)}"


def _leaves(operator: Linear) -> str:
    return "bytes" if operator.scale else "sums"


def _kinds(operators: Sequence[Operator], form: str) -> list[str]:
    return sorted({one.source.kind for one in operators if isinstance(one, Pool) and one.form == form})


def _max_pool(kind: str) -> str:
    return text("max_pool", X=_TYPES.get(kind, kind), S=SHORT[kind])


def _linear(operators: Sequence[Linear], arithmetic: str, simd: bool, trace: str) -> list[str]:
    found = [text("word")] if simd else []
    for kind in sorted({one.source.kind for one in operators if one.form in DOTS}):
        found.append(_dot_one(kind, simd, {one.form for one in operators if one.source.kind == kind}))
        if any(one.source.kind == kind and one.form in _PAIRED for one in operators):
            found += [_dot(kind, simd), text("look", X=kind, S=SHORT[kind])]
    for kind, leaves in sorted({(one.source.kind, _leaves(one)) for one in operators}):
        words = _words(kind, leaves, arithmetic) | {"TRACE": trace}
        same = [one for one in operators if one.source.kind == kind and _leaves(one) == leaves]
        forms = {one.form for one in same}
        words["TAPS"] = str(max((one.length for one in same if one.form == "depthwise"), default=0))
        words["INLINE"] = _inline(forms)
        words["POOL"] = str(max(one.pool for one in same))
        for name, callers in _PARTS.items():
            if forms & callers:
                found.append(text(name.replace("@", leaves), **words))
    return found


def _float_conv(operators: Sequence[FloatConv], simd: bool) -> list[str]:
    found = [] if all(one.length for one in operators) else [text("float_conv")]
    if any(one.length for one in operators):
        found.append(text("whole_dots", CHUNK=_either(chunks.whole_pairs(BLOCK), chunks.plain(1), simd)))
    if any(one.length and not one.squared for one in operators):
        found.append(text("whole_conv"))
    squared = [one for one in operators if one.squared]
    folded = max((one.length for one in squared if one.fold), default=1)
    return found + ([text("powers", FOLD=str(folded))] if squared else [])


def _either(pairs: str, plain: str, simd: bool) -> str:
    """Products in pairs where the processor has them, if they are wanted at all."""
    return f"{DSP}\n{pairs}\n#else\n{plain}\n#endif" if simd else plain


def _inline(forms: set[str]) -> str:
    """Where only the trace calls a kernel, a compiler must not miss a caller."""
    return "inline " if forms & DOTS == {"pooled"} else ""


def _dot_one(kind: str, simd: bool, forms: set[str]) -> str:
    products = _either(chunks.pairs(kind, 1, BLOCK), chunks.plain(1), simd)
    return text(
        "dot_one", X=kind, S=SHORT[kind], CHUNK=products, INLINE="inline " if forms & DOTS == {"pooled"} else ""
    )


def _dot(kind: str, simd: bool) -> str:
    plain = text("dot", X=kind, S=SHORT[kind], CHUNK=chunks.plain(2))
    if not simd:
        return plain
    return text("dot_pairs", X=kind, S=SHORT[kind], CHUNK=chunks.pairs(kind, 2, 2), PLAIN=plain)


def _words(kind: str, leaves: str, arithmetic: str) -> dict[str, str]:
    to_bytes = leaves == "bytes"
    return {
        "X": kind,
        "S": SHORT[kind],
        "Y": "uint8_t" if to_bytes else "whole",
        "R": leaves,
        "LEAVE": "requantize(sum, l->scale[feature], l->low, l->high, l->zero)" if to_bytes else "sum",
        **_ARITHMETIC[arithmetic],
    }
