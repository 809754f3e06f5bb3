"""The boards that generated code is proven on: one record for each processor core.

All three are Arm's MPS2 with another image, as QEMU emulates it: memory, a CMSDK timer, no operating system.
Reference: Arm AN385, AN386 and AN500 (memory maps); Arm DDI 0479C (CMSDK APB timer).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Board:
    """One board.

    Args:
        name: of the core, as records name it.
        machine: QEMU's name of the board.
        options: how gcc is told of the core.
        flash_origin: address of the vector table and of everything constant.
        flash_size_bytes: there; a power of two.
        ram_origin: address of the stack, its end first, and of everything that changes.
        ram_size_bytes: there; a power of two.
        timer: address of a CMSDK timer that counts down at ``clock_hz``.
        clock_hz: of the timer.
    """

    name: str
    machine: str
    options: tuple[str, ...]
    flash_origin: int = 0x0000_0000
    flash_size_bytes: int = 4 << 20
    ram_origin: int = 0x2000_0000
    ram_size_bytes: int = 4 << 20
    timer: int = 0x4000_0000
    clock_hz: int = 25_000_000


CORTEX_M3 = Board("cortex-m3", "mps2-an385", ("-mcpu=cortex-m3", "-mthumb", "-mfloat-abi=soft"))
CORTEX_M4F = Board("cortex-m4f", "mps2-an386", ("-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"))
CORTEX_M7F = Board("cortex-m7f", "mps2-an500", ("-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-d16", "-mfloat-abi=hard"))

BOARDS = {board.name: board for board in (CORTEX_M3, CORTEX_M4F, CORTEX_M7F)}
