"""From C files to a program for a board, and what it takes in flash and RAM. Equal files give equal bytes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory

from export.mcu.boards import Board
from export.mcu.tools import COMPILER, SIZES, call, refused

FIRMWARE = Path(__file__).parent / "firmware"
STACK_BYTES = 64 << 10  # reserved; what is used is measured
STACK_PAINT = 0xC5A5_3CE1  # never a small number, an address or a common float
STRICT = ("-Wall", "-Wextra", "-Werror")
BUILD_SECONDS = 120.0
_COMMON = ("-std=c99", "-O2", "-ffp-contract=off", "-ffunction-sections", "-fdata-sections", "-fno-common")
_LINKED = (
    "-nostartfiles",
    "--specs=nano.specs",
    "--specs=nosys.specs",
    "-Wl,--gc-sections",
    "-Wl,--build-id=none",
    "-s",
)
_IN_FLASH = (".vectors", ".text", ".weights", ".adapter", ".ARM.exidx", ".data")
_IN_RAM = (".data", ".bss")
_TELLING = ("error:", "undefined reference", "region")  # in the line that says why
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Image:
    """A program for a board.

    Args:
        board: it runs on.
        elf: the file.
        sections: bytes of each section.
    """

    board: Board
    elf: bytes
    sections: Mapping[str, int]

    @property
    def flash_bytes(self) -> int:
        """Code, constants, and the first values of variables; the harness too."""
        return sum(self.sections.get(name, 0) for name in _IN_FLASH)

    @property
    def static_ram_bytes(self) -> int:
        """Variables, the arena and one window among them; not the stack."""
        return sum(self.sections.get(name, 0) for name in _IN_RAM)


def build(
    files: Mapping[str, bytes],
    name: str,
    board: Board,
    *,
    warnings: Sequence[str] = STRICT,
    options: Sequence[str] = (),
    stack_bytes: int = STACK_BYTES,
) -> Image:
    """Compile and link generated C with the harness that measures it.

    Args:
        files: ``<name>.h``, which declares ``<name>_run`` and the macros of its sizes, and all C files.
        name: of the model.
        board: what to build for.
        warnings: of the generated files; the harness is always strict.
        options: more for the compiler, e.g. ``-DSLIPWAY_SIMD``.
        stack_bytes: reserved for the stack.

    Raises:
        Refused: FIELD_INVALID: a compiler is missing, or it refuses the files.
    """
    if not _NAME.fullmatch(name):
        raise refused("name", "is not a name in C", name, "Use small letters, digits and underscores.")
    with TemporaryDirectory() as folder:
        place = Path(folder)
        sources = _write(files, place)
        _write({file.name: file.read_bytes() for file in FIRMWARE.iterdir()}, place)
        (place / "board.ld").write_text(_script(board, stack_bytes))
        flags = [*board.options, *_COMMON, *options]
        _compile([*flags, *warnings], sources, place)
        _compile([*flags, *STRICT, *_harness(name, board)], ["startup.c", "measure.c"], place)
        objects = [f"{Path(source).stem}.o" for source in ["startup.c", "measure.c", *sources]]
        _run([COMPILER, *board.options, *_LINKED, "-T", "board.ld", "-o", "program.elf", *objects, "-lm"], place)
        return Image(board, (place / "program.elf").read_bytes(), _sections(place))


def _write(files: Mapping[str, bytes], place: Path) -> list[str]:
    """Write the files; return the C sources among them, in one order."""
    for name, data in files.items():
        if Path(name).name != name:
            raise refused("files", "a file lies outside the folder", name, "Use plain file names.")
        (place / name).write_bytes(data)
    return sorted(name for name in files if name.endswith(".c"))


def _script(board: Board, stack_bytes: int) -> str:
    return Template((FIRMWARE / "board.ld").read_text()).substitute(
        flash_origin=hex(board.flash_origin),
        flash_size=hex(board.flash_size_bytes),
        ram_origin=hex(board.ram_origin),
        ram_size=hex(board.ram_size_bytes),
        stack_size=hex(stack_bytes),
    )


def _harness(name: str, board: Board) -> list[str]:
    big = name.upper()
    return [
        *("-include", f"{name}.h", f"-DRUN={name}_run"),
        f"-DWINDOW_FLOATS=({big}_WINDOW_LENGTH*{big}_CHANNELS)",
        f"-DANSWER_FLOATS={big}_CLASSES",
        f"-DARENA={big}_ARENA_BYTES",
        f"-DTIMER_ADDRESS={board.timer:#x}u",
        f"-DFLASH_ORIGIN={board.flash_origin:#x}u",
        f"-DFLASH_SIZE={board.flash_size_bytes:#x}u",
        f"-DRAM_ORIGIN={board.ram_origin:#x}u",
        f"-DRAM_SIZE={board.ram_size_bytes:#x}u",
        f"-DSTACK_PAINT={STACK_PAINT:#x}u",
    ]


def _compile(flags: Sequence[str], sources: Sequence[str], place: Path) -> None:
    _run([COMPILER, *flags, "-c", *sources], place)


def _run(command: list[str], place: Path) -> str:
    done = call(command, place, BUILD_SECONDS, field="files")
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if any(word in line for word in _TELLING)]
        raise refused("files", "do not build", (lines or [done.stderr])[0], "Correct the C that was generated.")
    return done.stdout


def _sections(place: Path) -> dict[str, int]:
    rows = (line.split() for line in _run([SIZES, "-A", "program.elf"], place).splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) == 3 and row[0].startswith(".") and row[1] != "0"}
