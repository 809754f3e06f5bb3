"""From an int8 ONNX graph to C99 that computes ONNX Runtime's bytes, without a heap or an operating system."""

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from export.c import adapter, write_files
from export.c.fold_qdq import fold_qdq
from export.c.lowering import lower
from export.c.plan import Plan, plan
from export.c.program import Program
from export.c.reader import read
from export.c.tensors import size
from export.c.write_files import Names
from slipway.errors import Reason, Refused

ARITHMETICS = ("float", "integer")


@dataclass(frozen=True, eq=False)
class Generated:
    """The files of a model and what they take.

    Args:
        files: name → content; see the README among them.
        arena_bytes: static memory for all intermediate numbers.
        weight_bytes: constant numbers that stay.
        adapter_bytes: one of the two slots.
        program: CRC-32 of code and weights: what an adapter slot must be made for.
    """

    files: Mapping[str, bytes]
    arena_bytes: int
    weight_bytes: int
    adapter_bytes: int
    program: int


def generate(
    graph: bytes, name: str = "model", *, arithmetic: str = "float", simd: bool = False, version: int = 1
) -> Generated:
    """C99 for an ONNX graph.

    Args:
        graph: an ONNX file with one float32 input (a batch of windows) and one float32 output; operators: docs/c.md.
        name: prefix of every file and every name a linker sees: a C identifier in lower case.
        arithmetic: how sums become bytes: ``"float"`` in float32, ``"integer"`` without; both give the same bytes.
        simd: also write products in pairs for processors with the DSP extension; the same numbers.
        version: of the adapter in slot A.

    Raises:
        Refused: EXPORT_UNSUPPORTED naming the node, ACCUMULATOR_OVERFLOW naming the layer, LIMIT_EXCEEDED, or
            FIELD_INVALID for an option.
    """
    names = Names(name, arithmetic, simd)
    program, found, code, digest = _compile(graph, names)
    weight_bytes = sum(one.array.nbytes for one in program.weights)
    adapter_bytes = adapter.size_bytes(program.adapter)
    classes = size(program.source.shapes[program.source.output])
    texts = {
        f"{name}.h": write_files.header(names, program, found, classes),
        f"{name}.c": code,
        f"{name}_weights.c": write_files.weights(names, program, digest),
        f"{name}_adapter.c": write_files.adapters(names, program, digest, version),
        "Makefile": write_files.fill("Makefile", NAME=name),
        "README.txt": write_files.fill(
            "README.txt",
            NAME=name,
            UPPER=names.upper,
            WEIGHTS=weight_bytes,
            ADAPTER=adapter_bytes,
            ARENA=found.arena_bytes,
            ARITHMETIC=arithmetic,
        ),
    }
    files = MappingProxyType({file: text.encode() for file, text in texts.items()})
    return Generated(files, found.arena_bytes, weight_bytes, adapter_bytes, digest)


def adapter_slot(
    graph: bytes, name: str = "model", *, arithmetic: str = "float", simd: bool = False, version: int = 2
) -> bytes:
    """The bytes of an adapter slot with the numbers of ``graph``; the options are those of ``generate``.

    A device takes it only if ``graph`` gives the same code and weights as the graph it was built from.

    Raises:
        Refused: as ``generate``.
    """
    program, _, _, digest = _compile(graph, Names(name, arithmetic, simd))
    return adapter.slot(program.adapter, digest, version)


def _compile(graph: bytes, names: Names) -> tuple[Program, Plan, str, int]:
    _check(names)
    program = lower(fold_qdq(read(graph)), names.name)
    found = plan(program.operators)
    code = write_files.code(names, program, found)
    weights = b"".join(one.array.astype(one.array.dtype.newbyteorder("<")).tobytes() for one in program.weights)
    return program, found, code, zlib.crc32(code.encode() + weights)


def _check(names: Names) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", names.name):
        remedy = "Use at most 31 lower-case letters, digits and underscores, a letter first."
        raise Refused(
            Reason.FIELD_INVALID, field="name", problem="is no C prefix", found=repr(names.name), remedy=remedy
        )
    if names.arithmetic not in ARITHMETICS:
        remedy = f"Use one of {', '.join(ARITHMETICS)}."
        found = repr(names.arithmetic)
        raise Refused(Reason.FIELD_INVALID, field="arithmetic", problem="is not known", found=found, remedy=remedy)
