"""Generated C as a program of this computer: compiled with every warning an error, loaded, and unloaded again."""

import ctypes
import shutil
import subprocess
from _ctypes import dlclose
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from export.graph import OUTPUT
from export.mcu.tools import refused
from export.steps import Floats
from export.trace import Tensors

NAME = "model"  # prefix of the generated files
FLAGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-O2", "-ffp-contract=off", "-shared", "-fPIC")
COMPILERS = ("cc", "gcc")
BUILD_SECONDS = 120.0
_SEE = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_ulong)


class Program:
    """A shared object of generated C, loaded until ``close``."""

    def __init__(self, path: Path) -> None:
        self._library = ctypes.CDLL(str(path))
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

    def close(self) -> None:
        """Unload it: a worker lives for thousands of exports."""
        dlclose(self._library._handle)


def compiler() -> str | None:
    """The C compiler of this computer, or None."""
    return next(filter(None, map(shutil.which, COMPILERS)), None)


@contextmanager
def built(files: Mapping[str, bytes], *, traced: bool) -> Iterator[Program]:
    """Compile generated C and load it for as long as the body runs.

    Args:
        files: as ``export.c.generate`` writes them for the name ``NAME``.
        traced: whether the program shows its tensors.

    Raises:
        Refused: FIELD_INVALID: there is no C compiler, it refuses the files, or does not end in time.
    """
    with TemporaryDirectory() as folder:
        for file, content in files.items():
            (Path(folder) / file).write_bytes(content)
        program = Program(_compiled(Path(folder), traced))
        try:
            yield program
        finally:
            program.close()


def _compiled(folder: Path, traced: bool) -> Path:
    found = compiler()
    if found is None:
        raise refused("files", "need a C compiler", ", ".join(COMPILERS), "Install one of them.")
    target = folder / f"{NAME}.so"
    sources = [str(folder / f"{NAME}{part}.c") for part in ("", "_weights", "_adapter")]
    options = [f"-D{NAME.upper()}_TRACE"] * traced
    command = [found, *FLAGS, *options, "-o", str(target), *sources, "-lm"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS)
    except subprocess.TimeoutExpired:
        words = "a program did not end in time and was killed", f"{found} after {BUILD_SECONDS:g} s"
        raise refused("files", *words, "Export a smaller net.") from None
    if done.returncode:
        raise refused("files", "do not build", done.stderr.partition("\n")[0], "Correct the C that was generated.")
    return target
