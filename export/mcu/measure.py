"""What a generated net needs on a microcontroller, and whether it is still the same net there."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from export.mcu.boards import BOARDS, Board
from export.mcu.build import STACK_BYTES, STRICT, build
from export.mcu.emulate import TIMEOUT_SECONDS, emulate
from export.steps import Floats
from slipway.bundle.manifest import canonical
from slipway.errors import Reason, Refused

EVIDENCE = "microcontroller.json"


@dataclass(frozen=True)
class Measured:
    """One net on one board.

    Args:
        board: name of the core.
        windows: how many it answered.
        differing_bytes: of its answers, against ONNX Runtime's.
        flash_bytes: all told: code, constants, vector table, the harness (about 1 kB).
        weight_bytes: of it, int8 weights.
        adapter_bytes: of it, what a small adapter changes.
        ram_bytes: all told: variables, arena, one window and its answer, and the peak of the stack.
        arena_bytes: of it, for tensors between the layers.
        stack_bytes: of it, the peak of the stack.
        instructions: of the slowest window.
    """

    board: str
    windows: int
    differing_bytes: int
    flash_bytes: int
    weight_bytes: int
    adapter_bytes: int
    ram_bytes: int
    arena_bytes: int
    stack_bytes: int
    instructions: int

    def to_json(self) -> dict[str, Any]:
        """Plain names and numbers, as a manifest holds them."""
        return asdict(self)


def measure(
    files: Mapping[str, bytes],
    name: str,
    board: Board,
    windows: Floats,
    expected: Floats,
    *,
    warnings: Sequence[str] = STRICT,
    options: Sequence[str] = (),
    stack_bytes: int = STACK_BYTES,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Measured:
    """Build generated C for a board, run it there and compare.

    Args:
        files: as ``build`` takes them.
        name: of the model.
        board: what to run on.
        windows: (count, time, channels) float32.
        expected: (count, classes) float32, ONNX Runtime's answers to them.
        warnings: of the compiler.
        options: more for the compiler.
        stack_bytes: reserved for the stack; what is used is measured.
        timeout_seconds: for the emulator.

    Raises:
        Refused: as ``build`` and ``emulate``.
    """
    image = build(files, name, board, warnings=warnings, options=options, stack_bytes=stack_bytes)
    ran = emulate(image, windows, timeout_seconds=timeout_seconds)
    return Measured(
        board=board.name,
        windows=len(windows),
        differing_bytes=differing_bytes(ran.answers, expected),
        flash_bytes=image.flash_bytes,
        weight_bytes=image.sections.get(".weights", 0),
        adapter_bytes=image.sections.get(".adapter", 0),
        ram_bytes=image.static_ram_bytes + ran.stack_bytes,
        arena_bytes=ran.arena_bytes,
        stack_bytes=ran.stack_bytes,
        instructions=int(ran.instructions.max()),
    )


def prove(
    files: Mapping[str, bytes], name: str, windows: Floats, expected: Floats, boards: Iterable[Board] = BOARDS.values()
) -> tuple[Measured, ...]:
    """Measure a net on every board, or refuse it. Arguments as ``measure``.

    Raises:
        Refused: EXPORT_DIFFERS: a byte of an answer is not ONNX Runtime's; else as ``measure``.
    """
    return tuple(require_equal(measure(files, name, board, windows, expected)) for board in boards)


def evidence(found: Sequence[Measured]) -> bytes:
    """The file ``EVIDENCE`` of a bundle, role ``extra``: canonical JSON, one object a board."""
    return canonical({"format": 1, "boards": [one.to_json() for one in found]})


def differing_bytes(found: Floats, expected: Floats) -> int:
    """Bytes in which two arrays of float32 of one shape differ; -0.0 differs from 0.0, a NaN only from other bits.

    Raises:
        Refused: EXPORT_DIFFERS, the shapes do.
    """
    if found.shape != expected.shape:
        raise _differs(len(expected), "answers in another shape", found.shape, expected.shape)
    first, second = (np.ascontiguousarray(array, "<f4").view(np.uint8) for array in (found, expected))
    return int((first != second).sum())


def require_equal(measured: Measured) -> Measured:
    """Refuse a net that is another net on the board.

    Raises:
        Refused: EXPORT_DIFFERS.
    """
    if measured.differing_bytes:
        raise _differs(measured.windows, f"differs on {measured.board} in some bytes", measured.differing_bytes, 0)
    return measured


def _differs(samples: int, problem: str, found: object, limit: object) -> Refused:
    return Refused(
        Reason.EXPORT_DIFFERS,
        field="program",
        precision="generated",
        samples=samples,
        problem=problem,
        found=found,
        limit=limit,
    )
