"""Many windows through a program on an emulated board: answers, instructions and stack.

Windows come in and answers go out as files, by semihosting. QEMU runs with ``-icount shift=0``: one instruction is one
nanosecond of the board, so its timer counts instructions, in steps of 1e9 / clock_hz (40). An empty call is measured
the same way and taken off. Instructions are not cycles: a core may need several for one, or start two at once.
"""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from export.mcu.boards import Board
from export.mcu.build import Image
from export.mcu.tools import EMULATOR, call, refused
from export.steps import Floats
from slipway.errors import Reason, Refused

TIMEOUT_SECONDS = 120.0
_LAST = 4  # numbers after the last answer: how many, ticks of an empty call, stack, arena
_EXITS = {
    3: "it could not open or write a file",
    4: "the last window was cut short: windows.bin and the header's sizes differ",
    5: "the processor faulted: a bad address, a write to flash, a bad instruction, or its stack left RAM",
}
_COMMAND = (EMULATOR, "-display", "none", "-monitor", "none", "-serial", "none", "-parallel", "none", "-no-reboot")


@dataclass(frozen=True, eq=False)
class Ran:
    """What a program did.

    Args:
        answers: (windows, classes) float32.
        instructions: (windows,), of each inference, to ± one timer step.
        stack_bytes: the deepest the stack was, the harness below the net included.
        arena_bytes: as the header says.
    """

    answers: Floats
    instructions: npt.NDArray[np.int64]
    stack_bytes: int
    arena_bytes: int


def emulate(image: Image, windows: Floats, *, timeout_seconds: float = TIMEOUT_SECONDS) -> Ran:
    """Run a program on its board.

    Args:
        image: the program.
        windows: (count, time, channels) float32.
        timeout_seconds: after which the emulator is killed.

    Raises:
        Refused: FIELD_REQUIRED without windows; FIELD_INVALID: QEMU is missing, or the program did not end well.
    """
    if len(windows) == 0:
        raise Refused(Reason.FIELD_REQUIRED, field="windows")
    with TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "program.elf").write_bytes(image.elf)
        (place / "windows.bin").write_bytes(np.ascontiguousarray(windows, "<f4").tobytes())
        done = call(_command(image.board), place, timeout_seconds, field="program")
        if done.returncode:
            problem = f"it did not end well on {image.board.name}"
            found = _EXITS.get(done.returncode, f"exit {done.returncode}: {done.stderr.strip().partition(chr(10))[0]}")
            raise refused("program", problem, found, "Correct the C that was generated, or reserve more stack.")
        return _read((place / "answers.bin").read_bytes(), len(windows), image.board)


def _command(board: Board) -> list[str]:
    count = ("-icount", "shift=0", "-semihosting-config", "enable=on,target=native")
    return [*_COMMAND, "-machine", board.machine, *count, "-kernel", "program.elf"]


def _read(data: bytes, count: int, board: Board) -> Ran:
    words = np.frombuffer(data, "<u4")
    answered, empty, stack, arena = (int(word) for word in words[-_LAST:])
    if answered != count:
        found = f"{answered} answers to {count} windows"
        raise refused("program", "it reads windows of another size", found, "Compare the header with the windows.")
    table = words[:-_LAST].reshape(count, -1)
    instructions = (table[:, -1].astype(np.int64) - empty) * instructions_per_tick(board)
    return Ran(np.ascontiguousarray(table[:, :-1]).view("<f4"), instructions, stack, arena)


def instructions_per_tick(board: Board) -> int:
    """Instructions between two steps of the timer, at one nanosecond each."""
    return 1_000_000_000 // board.clock_hz
