"""The innermost products, 4 inputs at a time: plain C, or the pairs that Cortex-M4 and M7 multiply at once.

Plain C keeps the sums of 4 features of 2 places in registers, pairs those of 2 features of 2 places: one more, and a
compiler spills. Reference: Lai, Suda & Chandra 2018, "CMSIS-NN", https://arxiv.org/abs/1801.06601, for the pairs.
"""

from export.c.packing import BLOCK, CHUNK
from export.c.tensors import UINT8

_SUMS = ("abcd", "efgh")  # the sums of the first place and of the second
_SOURCES = ("x", "z")
_INDENT = " " * 8


def plain(places: int) -> str:
    """C that adds the products of one chunk to the sums of 4 features of one or two places."""
    lines = []
    for i in range(CHUNK):
        lines += [f"const int32_t {_SOURCES[p]}{i} = {_SOURCES[p]}[{i}];" for p in range(places)]
        for feature in range(BLOCK):
            lines.append(f"const int32_t w{i}{feature} = w[{feature * CHUNK + i}];")
            lines += [f"{_SUMS[p][feature]} += {_SOURCES[p]}{i} * w{i}{feature};" for p in range(places)]
    return "\n".join(_INDENT + line for line in lines)


def pairs(kind: str, places: int, features: int) -> str:
    """The same by SMLAD: bytes 0 and 2 of a word at once, then 1 and 3."""
    even, odd = ("__uxtb16", "odd_u8") if kind == UINT8 else ("__sxtb16", "odd_s8")
    lines = []
    for source in _SOURCES[:places]:
        lines += [
            f"const uint32_t {source}s = word({source});",
            f"const int16x2_t {source}even = (int16x2_t){even}({source}s);",
            f"const int16x2_t {source}odd = (int16x2_t){odd}({source}s);",
        ]
    for feature in range(features):
        lines += [
            f"const uint32_t w{feature} = word(&w[{feature * CHUNK}]);",
            f"const int16x2_t even{feature} = __sxtb16(w{feature});",
            f"const int16x2_t odd{feature} = (int16x2_t)odd_s8(w{feature});",
        ]
        for p in range(places):
            total, source = _SUMS[p][feature], _SOURCES[p]
            lines.append(f"{total} = __smlad({source}even, even{feature}, {total});")
            lines.append(f"{total} = __smlad({source}odd, odd{feature}, {total});")
    return "\n".join(_INDENT + line for line in lines)


def whole_pairs(features: int) -> str:
    """The same of 16-bit numbers by SMLAD: those of a word at once."""
    lines = [f"const int16x2_t x{i} = (int16x2_t)word(&x[{2 * i}]);" for i in range(CHUNK // 2)]
    for feature in range(features):
        for i in range(CHUNK // 2):
            pair = f"(int16x2_t)word(&w[{feature * CHUNK + 2 * i}])"
            lines.append(f"{_SUMS[0][feature]} = __smlad(x{i}, {pair}, {_SUMS[0][feature]});")
    return "\n".join(_INDENT + line for line in lines)
