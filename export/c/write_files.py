"""The files of a program: header, code, weights, adapter, a Makefile and a page that says how to use them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from export.c import adapter, literals
from export.c.kernels import kernels
from export.c.operators import Linear, Operator
from export.c.plan import Plan, scratch_name
from export.c.program import Numbers, Program
from export.c.tensors import FLOAT, LOGITS, WINDOW, Tensor
from export.c.write_expressions import Pen
from export.c.write_operators import write
from export.c.write_trace import trace_end, trace_head, write_seen

_FOLDER = Path(__file__).parent / "texts"
_TYPES = {FLOAT: "real", "int32_t": "whole", "int16_t": "small"}


@dataclass(frozen=True, eq=False)
class Names:
    """What the files call themselves and how they compute."""

    name: str
    arithmetic: str  # "float" or "integer"
    simd: bool

    @property
    def upper(self) -> str:
        return self.name.upper()


def fill(template: str, **words: object) -> str:
    """A text of the ``texts`` folder with ``@WORD@`` filled in."""
    found = (_FOLDER / template).read_text(encoding="utf-8")
    for word, value in words.items():
        found = found.replace(f"@{word}@", str(value))
    return found


def header(names: Names, program: Program, plan: Plan, classes: int) -> str:
    """``<name>.h``."""
    shape = program.source.shapes[program.source.input]
    time, channels = (shape[1], shape[2]) if len(shape) == 3 else (int(np.prod(shape)), 1)
    kinds = _kinds(names, program)
    fields = "\n".join(f"    {kinds[one.name]} {one.name}[{one.array.size}];" for one in program.adapter)
    return fill(
        "model.h",
        NAME=names.name,
        UPPER=names.upper,
        TIME=time,
        CHANNELS=channels,
        CLASSES=classes,
        ARENA=plan.arena_bytes,
        ADAPTER=adapter.size_bytes(program.adapter),
        FIELDS=fields,
    )


def code(names: Names, program: Program, plan: Plan) -> str:
    """``<name>.c``: the kernels that are called, and the run."""
    pen = Pen(f"{names.upper}_TRACE", names.arithmetic)
    seen = iter(program.seen)
    due = next(seen, None)
    for count, operator in enumerate(program.operators):
        while due is not None and due[0] == count:
            write_seen(pen, due[1], due[2])
            due = next(seen, None)
        write(pen, operator)
        trace_end(pen)
    while due is not None:
        write_seen(pen, due[1], due[2])
        due = next(seen, None)
    return fill(
        "model.c",
        NAME=names.name,
        UPPER=names.upper,
        INCLUDES="#if defined(__ARM_FEATURE_DSP)\n#include <arm_acle.h>\n#endif\n" if names.simd else "",
        EXTERNS="\n".join(f"extern const {_weight_kind(one)} {names.name}_{one.name}[];" for one in program.weights),
        KERNELS=kernels(program.operators, names.arithmetic, names.simd, f"{names.upper}_TRACE"),
        CLASSES=int(np.prod(program.source.shapes[program.source.output])),
        TRACE=trace_head(pen, names.name),
        BUFFERS="\n".join(_buffers(program.operators, plan)),
        BODY="\n".join(pen.lines),
    )


def weights(names: Names, program: Program, digest: int) -> str:
    """``<name>_weights.c``: what only a whole update changes."""
    arrays = [
        f"const {_weight_kind(one)} {names.name}_{one.name}[{one.array.size}] = {{\n{literals.literals(one.array)}\n}};"
        for one in program.weights
    ]
    declared = [
        f"extern const {_weight_kind(one)} {names.name}_{one.name}[{one.array.size}];" for one in program.weights
    ]
    return fill(
        "model_weights.c",
        NAME=names.name,
        DIGEST=f"0x{digest:08X}u",
        DECLARED="\n".join(declared),
        ARRAYS="\n\n".join(arrays),
    )


def adapters(names: Names, program: Program, digest: int, version: int) -> str:
    """``<name>_adapter.c``: slot A with these numbers, slot B empty."""
    kinds = _kinds(names, program)
    fields = []
    for one in program.adapter:
        array = one.array.view(np.uint32) if kinds[one.name] == "uint32_t" else one.array
        fields.append(f"    {{ /* {one.name} */\n{literals.literals(array)}\n    }},")
    image = adapter.slot(program.adapter, digest, version)
    crc = int.from_bytes(image[-4:], "little")
    return fill(
        "model_adapter.c",
        NAME=names.name,
        VERSION=version,
        DIGEST=f"0x{digest:08X}u",
        FIELDS="\n".join(fields),
        CRC=f"0x{crc:08X}u",
    )


def _kinds(names: Names, program: Program) -> dict[str, str]:
    """The C type of each adapter field; in integer arithmetic scales are the bits of their float32."""
    scales = {one.scale for one in program.operators if isinstance(one, Linear)}
    found = {}
    for one in program.adapter:
        is_float = one.array.dtype == np.float32
        bits = names.arithmetic == "integer" and f"a->{one.name}" in scales
        found[one.name] = "uint32_t" if bits else "float" if is_float else "int32_t"
    return found


def _weight_kind(numbers: Numbers) -> str:
    return "float" if numbers.array.dtype == np.float32 else f"{numbers.array.dtype.name}_t"


def _buffers(operators: list[Operator], plan: Plan) -> list[str]:
    """A pointer into the arena for every buffer."""
    found: dict[str, str] = {}
    for operator in operators:
        for tensor in _tensors(operator):
            kind = _TYPES.get(tensor.kind, tensor.kind)
            at = plan.offsets[tensor.buffer]
            found[tensor.buffer] = f"    {kind} *const {tensor.buffer} = ({kind} *)(void *)&arena.bytes[{at}];"
        if isinstance(operator, Linear) and operator.scratch:
            name, kind = scratch_name(operator), operator.source.kind
            found[name] = f"    {kind} *const {name} = ({kind} *)(void *)&arena.bytes[{plan.offsets[name]}];"
    return list(found.values())


def _tensors(operator: Operator) -> list[Tensor]:
    target = operator.target
    return [] if target.buffer in (WINDOW, LOGITS) else [target]
