"""What a net takes on a device, without building it: bytes by the generator's own plan, the rest by linear models.

Weights, the adapter's two slots and the arena are exact. The size of the code, the stack and the instructions are sums
over ``export.fit.work`` with coefficients that ``export.fit.survey`` measured on each emulated core.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from export.c import adapter
from export.c.fold_qdq import fold_qdq
from export.c.lowering import lower
from export.c.operators import Operator
from export.c.plan import plan
from export.c.program import Program
from export.c.reader import read
from export.c.tensors import size
from export.fit.draft import draft
from export.fit.work import depth, parts, work
from export.mcu.boards import BOARDS, CORTEX_M7F
from export.mcu.measure import Measured
from nets.layers import Layers
from slipway.errors import Reason, Refused
from slipway.spec import TaskSpec

COEFFICIENTS = Path(__file__).parent / "coefficients.json"
SLOTS = 2  # of the adapter, see export/c/adapter.py
FLOAT_BYTES = 4


@dataclass(frozen=True)
class Cost:
    """What a net takes on one core.

    Args:
        flash_bytes: all told: weights, two adapter slots, code.
        ram_bytes: all told: arena, one window and its answer, variables, stack.
        instructions: of one inference.
        measured: on the emulated core; else estimated, exact but for code, stack and instructions.
    """

    flash_bytes: int
    ram_bytes: int
    instructions: int
    measured: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain names and numbers."""
        return asdict(self)

    @staticmethod
    def of(found: Measured) -> "Cost":
        """What was measured on an emulated core."""
        return Cost(found.flash_bytes, found.ram_bytes, found.instructions, True)


@dataclass(frozen=True, eq=False)
class Counted:
    """What is exact about a net, and what the rest is linear in.

    Args:
        weight_bytes: constant numbers.
        adapter_bytes: both slots.
        arena_bytes: for tensors between the layers.
        face_bytes: one window and its answer.
        work, parts, depth: see ``export.fit.work``.
    """

    weight_bytes: int
    adapter_bytes: int
    arena_bytes: int
    face_bytes: int
    work: Mapping[str, int]
    parts: Mapping[str, int]
    depth: Mapping[str, int]


def counted(graph: bytes) -> Counted:
    """Count an int8 graph.

    Raises:
        Refused: EXPORT_UNSUPPORTED, ACCUMULATOR_OVERFLOW or LIMIT_EXCEEDED, as ``export.c.generate``.
    """
    program = lower(fold_qdq(read(graph)), "model")
    operators: list[Operator] = program.operators
    return Counted(
        weight_bytes=sum(one.array.nbytes for one in program.weights),
        adapter_bytes=SLOTS * adapter.size_bytes(program.adapter),
        arena_bytes=plan(operators).arena_bytes,
        face_bytes=FLOAT_BYTES * _face(program),
        work=work(operators),
        parts=parts(operators),
        depth=depth(operators),
    )


def cost(graph: bytes, core: str | None = None) -> Cost:
    """Estimate what an int8 graph takes.

    Args:
        graph: an int8 ONNX file.
        core: a key of ``export.mcu.boards.BOARDS``; None counts as the largest of them.

    Raises:
        Refused: FIELD_INVALID, an unknown core; else as ``counted``.
    """
    return estimate(counted(graph), core)


def cost_of_layers(task: TaskSpec, layers: Layers, core: str | None = None) -> Cost:
    """Estimate what layers take before they have learned; arguments and refusals as ``cost`` and ``draft``."""
    return cost(draft(task, layers), core)


def estimate(found: Counted, core: str | None = None) -> Cost:
    """Apply a core's coefficients to what was counted."""
    known = coefficients(core or CORTEX_M7F.name)
    return Cost(
        flash_bytes=found.weight_bytes + found.adapter_bytes + _dot(known["code"], found.parts),
        ram_bytes=found.arena_bytes + found.face_bytes + _dot(known["stack"], found.depth),
        instructions=_dot(known["instructions"], found.work),
    )


def coefficients(core: str) -> Mapping[str, Mapping[str, float]]:
    """``{"code" | "stack" | "instructions": {count: coefficient}}`` of a core.

    Raises:
        Refused: FIELD_INVALID.
    """
    table = _table()
    if core not in table:
        remedy = f"Use one of {', '.join(BOARDS)}."
        raise Refused(Reason.FIELD_INVALID, field="core", problem="is not known", found=repr(core), remedy=remedy)
    return table[core]


@cache
def _table() -> Mapping[str, Mapping[str, Mapping[str, float]]]:
    found: Mapping[str, Mapping[str, Mapping[str, float]]] = json.loads(COEFFICIENTS.read_text(encoding="utf-8"))
    return found


def _dot(known: Mapping[str, float], counts: Mapping[str, int]) -> int:
    """A count that no surveyed net had is taken for the dearest of its kind rather than for free."""
    dearest = max(known.values())
    return round(sum(known.get(name, dearest) * count for name, count in counts.items()))


def _face(program: Program) -> int:
    shapes = program.source.shapes
    return int(np.sum([size(shapes[name]) for name in (program.source.input, program.source.output)]))
