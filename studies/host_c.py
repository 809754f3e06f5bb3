"""Generated C on this computer, every tensor of it beside ONNX Runtime's, window by window."""

import ctypes
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from export.c import generate
from export.graph import OUTPUT
from export.int8 import ENTERED
from export.integer import Int8Net
from export.mcu.measure import differing_bytes
from export.mcu.tools import refused
from export.steps import INEXACT, Floats
from export.trace import Comparison, Tensors, Tracer, compare, trace_entered

NAME = "model"
FLAGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-O2", "-ffp-contract=off", "-shared", "-fPIC")
_SEE = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_ulong)


@dataclass(frozen=True)
class Matched:
    """What generated C and ONNX Runtime make of the same windows.

    Args:
        windows: how many.
        tensors: integer tensors between window and logits, and the logits.
        bytes: of them.
        differing: of them; behind a front that is exact to the last bits only, from the bytes that C itself let in.
        first: tensor that differs, or None.
        entered_differing: bytes in which the two disagree about what such a front lets in; 0 where it is exact.
        answers_differing: bytes of the answers of the program without the trace, against the one with it.
    """

    windows: int
    tensors: int
    bytes: int
    differing: int
    first: str | None
    entered_differing: int
    answers_differing: int


class Program:
    """A shared object of generated C.

    Raises:
        Refused: FIELD_INVALID: there is no C compiler, or it refuses the files.
    """

    def __init__(self, files: Mapping[str, bytes], folder: Path, *, traced: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            (folder / file).write_bytes(content)
        self._library = ctypes.CDLL(str(_compiled(folder, traced)))
        self._run = self._library[f"{NAME}_run"]

    def run(self, values: Floats, classes: int) -> Floats:
        """Logits (count, classes) of windows (count, time, channels)."""
        values, found = np.ascontiguousarray(values, np.float32), np.zeros((len(values), classes), np.float32)
        for window, logits in zip(values, found, strict=True):
            self._run(ctypes.c_void_p(window.ctypes.data), ctypes.c_void_p(logits.ctypes.data))
        return found

    def trace(self, values: Floats, like: Tensors) -> Tensors:
        """The tensors of windows that have a namesake in ``like``, in its shapes; one of another size is left out."""
        found = {name: np.zeros_like(array) for name, array in like.items()}
        rows = {name.encode(): (name, array.ctypes.data, array[0].nbytes) for name, array in found.items()}
        seen = dict.fromkeys(found, 0)

        def see(tensor: bytes, data: int, count: int) -> None:
            name, start, size = rows.get(tensor, ("", 0, -1))
            if count == size and seen[name] < len(values):
                ctypes.memmove(start + seen[name] * size, data, size)
                seen[name] += 1

        listener = _SEE(see)
        self._library[f"{NAME}_trace"](listener)
        self.run(values, like[OUTPUT].shape[1])
        self._library[f"{NAME}_trace"](_SEE())
        return {name: array for name, array in found.items() if seen[name] == len(values)}


def _compiled(folder: Path, traced: bool) -> Path:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise refused("files", "need a C compiler", "gcc, cc", "Install one of them.")
    target = folder / f"{NAME}.so"
    sources = [str(folder / f"{NAME}{part}.c") for part in ("", "_weights", "_adapter")]
    options = [f"-D{NAME.upper()}_TRACE"] * traced
    done = subprocess.run([compiler, *FLAGS, *options, "-o", target, *sources, "-lm"], capture_output=True, text=True)
    if done.returncode:
        raise refused("files", "do not build", done.stderr.partition("\n")[0], "Correct the C that was generated.")
    return target


def match(graph: bytes, net: Int8Net, values: Floats, *, written_from: bytes = b"", chunk: int = 256) -> Matched:
    """Compare generated C with ONNX Runtime on every window.

    Args:
        graph: an int8 ONNX file, for ONNX Runtime.
        net: what it was written from.
        values: real windows (batch, time, channels).
        written_from: the file that the C is generated from: ``graph`` by default, another to plant a fault.
        chunk: windows at a time.

    Raises:
        Refused: as ``Program`` and ``generate``.
    """
    files = generate(written_from or graph, NAME).files
    witness, whole, entered, answers = Tracer(graph), Comparison(0, 0, 0), 0, 0
    inexact = any(isinstance(step, INEXACT) for step in net.front)
    with TemporaryDirectory() as folder:
        traced = Program(files, Path(folder) / "traced", traced=True)
        plain = Program(files, Path(folder) / "plain", traced=False)
        for at in range(0, len(values), chunk):
            part = values[at : at + chunk]
            wanted = witness(part)
            found = traced.trace(part, wanted)
            if inexact:
                entered += int((found[ENTERED] != wanted[ENTERED]).sum())
                wanted = trace_entered(net, found[ENTERED])
            whole += compare(found, wanted)
            answers += differing_bytes(plain.run(part, wanted[OUTPUT].shape[1]), found[OUTPUT])
    return Matched(len(values), whole.tensors, whole.bytes, whole.differing, whole.first, entered, answers)
