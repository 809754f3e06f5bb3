"""Builds generated C with the host's compiler and drives it as a shared object."""

import ctypes
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

COMPILER = shutil.which("gcc") or shutil.which("cc")
WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-ffp-contract=off")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler on this machine")
_SEE = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_ulong)


class Built:
    """A shared object of generated files."""

    def __init__(self, files: Mapping[str, bytes], folder: Path, name: str = "model", *, trace: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            (folder / file).write_bytes(content)
        self.library = ctypes.CDLL(str(_compile(folder, name, trace)))
        self.name = name
        self.header = dict(
            line.split()[1:3]
            for line in files[f"{name}.h"].decode().splitlines()
            if line.startswith("#define") and len(line.split()) == 3
        )
        self._kept: dict[int, ctypes.Array[ctypes.c_char]] = {}
        self._run = getattr(self.library, f"{name}_run")

    def size(self, what: str) -> int:
        """A number of the header, e.g. ``CLASSES``."""
        return int(self.header[f"{self.name.upper()}_{what}"])

    def run(self, windows: np.ndarray) -> np.ndarray:
        """Logits (count, classes) of windows (count, …)."""
        windows = np.ascontiguousarray(windows, np.float32)
        found = np.full((len(windows), self.size("CLASSES")), -1, np.float32)
        for window, logits in zip(windows, found, strict=True):
            self._run(window.ctypes.data_as(ctypes.c_void_p), logits.ctypes.data_as(ctypes.c_void_p))
        return found

    def trace(self, window: np.ndarray) -> dict[str, bytes]:
        """Every tensor of one window, by its name in the graph."""
        seen: dict[str, bytes] = {}

        def see(name: bytes, data: int, count: int) -> None:
            seen[name.decode()] = ctypes.string_at(data, count)

        listener = _SEE(see)
        getattr(self.library, f"{self.name}_trace")(listener)
        self.run(window[None])
        getattr(self.library, f"{self.name}_trace")(_SEE())
        return seen

    def select(self) -> int:
        """The slot that is taken."""
        return int(getattr(self.library, f"{self.name}_adapter_select")())

    def put(self, slot: int, image: bytes | None) -> int:
        """Let a slot lie elsewhere, and choose again."""
        slots = (ctypes.c_void_p * 2).in_dll(self.library, f"{self.name}_adapter_slots")
        if image is None:
            slots[slot] = None
        else:
            self._kept[slot] = ctypes.create_string_buffer(image, len(image))
            slots[slot] = ctypes.addressof(self._kept[slot])
        return self.select()


def _compile(folder: Path, name: str, trace: bool) -> Path:
    assert COMPILER is not None
    found = folder / f"lib{name}.so"
    sources = [str(folder / f"{name}{part}.c") for part in ("", "_weights", "_adapter")]
    options = [f"-D{name.upper()}_TRACE"] * trace
    command = [COMPILER, *WARNINGS, "-O1", "-shared", "-fPIC", *options, "-o", str(found), *sources, "-lm"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:4000]
    return found
