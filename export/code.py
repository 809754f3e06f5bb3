"""The C of an int8 graph as one file, and what was shown of it: on this computer, and on emulated cores."""

import io
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from export.c import generate
from export.c.generator import Generated
from export.host_c import answers, match, require_match
from export.host_program import NAME, compiler
from export.integer import Int8Net, is_exact
from export.mcu.boards import BOARDS, Board
from export.mcu.measure import Measured, measure, require_equal
from export.mcu.tools import PACKAGES, missing
from export.proof import run
from export.steps import Floats
from slipway.errors import Reason, Refused

WITNESS = "c99"  # as ``proof.Exact`` names it
FLASH_LIMIT_BYTES = max(board.flash_size_bytes for board in BOARDS.values())  # more weights are no microcontroller's
CORE_SECONDS = 600.0  # for an emulator: a spectrum in software takes 300 million instructions a window
INEXPRESSIBLE = (Reason.EXPORT_UNSUPPORTED, Reason.ACCUMULATOR_OVERFLOW, Reason.LIMIT_EXCEEDED)
_DATE = (1980, 1, 1, 0, 0, 0)
_UNIX, _MODE = 3, 0o100644 << 16


@dataclass(frozen=True)
class CodeOptions:
    """How C is written, and on which boards it has to give the same bytes; every way gives the same bytes.

    Args:
        integer_arithmetic: sums become bytes without floating point.
        simd: products in pairs, for cores with the DSP extension.
        boards: emulated, of ``export.mcu.boards``.
    """

    integer_arithmetic: bool = False
    simd: bool = False
    boards: tuple[Board, ...] = ()


@dataclass(frozen=True, eq=False)
class Code:
    """The C of a graph.

    Args:
        archive: a ZIP of its files, the same bytes for the same files; None where C cannot express the graph.
        obstacle: why there is none; "" where there is.
        witnessed: whether it was compiled on this computer and gave ONNX Runtime's bytes.
        measured: what it needs on each board.
    """

    archive: bytes | None
    obstacle: str = ""
    witnessed: bool = False
    measured: tuple[Measured, ...] = ()


def check_tools(boards: Iterable[Board], field: str) -> None:
    """Refuse boards that cannot be emulated here, before anything else is computed.

    Raises:
        Refused: FIELD_INVALID.
    """
    absent = missing() if tuple(boards) else ()
    if absent:
        packages = sorted({PACKAGES[name] for name in absent} | {"libnewlib-arm-none-eabi"})
        remedy = f"Install {', '.join(packages)} where the workers run, or name no cores."
        problem = "the server lacks the cross compiler or the emulator"
        raise Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=", ".join(absent), remedy=remedy)


def write_code(graph: bytes, net: Int8Net | None, proof_values: Floats, core_values: Floats, how: CodeOptions) -> Code:
    """Generate the C of a graph and show that it is the graph.

    Where there is a C compiler it runs here, and every tensor of the proof windows is compared. Of a graph from
    elsewhere, whose int8 net nobody knows, it is the answers: C that strays is left out, and it is a witness only where
    no byte differs.

    Args:
        graph: an int8 ONNX file.
        net: what it was written from, or None.
        proof_values: real windows (batch, time, channels), for this computer.
        core_values: some of them, for the boards.
        how: options and boards.

    Raises:
        Refused: EXPORT_DIFFERS; with boards also EXPORT_UNSUPPORTED, ACCUMULATOR_OVERFLOW or LIMIT_EXCEEDED for a graph
            that C cannot express, and FIELD_INVALID for a program that does not run there.
    """
    try:
        made = _generated(graph, how)
    except Refused as refused:
        if refused.reason not in INEXPRESSIBLE or how.boards:
            raise
        return Code(None, refused.message)
    witnessed = compiler() is not None
    if witnessed and net is not None:
        require_match(match(made.files, graph, net, proof_values))
    elif witnessed:
        found = answers(made.files, graph, proof_values)
        if not found.same:
            return Code(None, f"its answers stray from ONNX Runtime's on {found.strayed} of {found.windows} windows.")
        witnessed = not found.differing
    exact = net is None or is_exact(net.front)
    measured = tuple(on_board(made.files, core_values, run(graph, core_values), board, exact) for board in how.boards)
    return Code(archive(made.files), "", witnessed, measured)


def _generated(graph: bytes, how: CodeOptions) -> Generated:
    arithmetic = "integer" if how.integer_arithmetic else "float"
    made = generate(graph, NAME, arithmetic=arithmetic, simd=how.simd)
    if made.weight_bytes > FLASH_LIMIT_BYTES:
        limits = {"found": f"{made.weight_bytes} bytes of weights", "limit": f"{FLASH_LIMIT_BYTES} bytes of flash"}
        raise Refused(Reason.LIMIT_EXCEEDED, field="graph", **limits)
    return made


def on_board(files: Mapping[str, bytes], values: Floats, expected: Floats, board: Board, exact: bool) -> Measured:
    """Measure C on a board, or refuse it.

    Args:
        files: of C.
        values: windows (count, time, channels).
        expected: ONNX Runtime's answers (count, classes).
        board: what to run on.
        exact: whether two libraries agree on all that stands before the integers; else one window may answer otherwise.

    Raises:
        Refused: EXPORT_DIFFERS, or as ``export.mcu.measure.measure``.
    """
    found = measure(files, NAME, board, values, expected, timeout_seconds=CORE_SECONDS)
    return found if not exact and found.differing_bytes <= expected[0].nbytes else require_equal(found)


def archive(files: Mapping[str, bytes]) -> bytes:
    """A ZIP that every unzip opens: files stored as they are, in the order of their names, without a clock."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as out:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.create_system, entry.external_attr = _UNIX, _MODE
            out.writestr(entry, files[name])
    return made.getvalue()
