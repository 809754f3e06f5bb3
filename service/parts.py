"""One growing file of windows: a ``.npy`` array of fixed-size records that is complete when its last record is written.

The header states the announced count from the first byte on, so the finished file needs no copying, and a window's
index is a byte offset, so a file that was cut short anywhere is resumed by cutting it back to a whole record.
"""

import io
import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from slipway.spec import SensorSpec
from slipway.windows import Answers, Values, answered, record_dtype


class Part:
    """A file under construction. Not thread-safe.

    Args:
        path: the file; created if missing.
        sensor: what a window is.
        window_count: windows in the complete file.
        committed_count: windows that were safe when last heard of; what follows them is dropped.
        output_count: numbers in a window's targets; 0 where it has a label.
    """

    def __init__(
        self, path: Path, sensor: SensorSpec, window_count: int, committed_count: int, output_count: int = 0
    ) -> None:
        self.path = path
        self._dtype = record_dtype(sensor, output_count)
        header = _header(self._dtype, window_count)
        self._file = _open(path)
        kept = self._file.read(len(header)) == header
        whole = (path.stat().st_size - len(header)) // self._dtype.itemsize if kept else 0
        self.count = min(committed_count, whole)
        if not kept:
            self._file.truncate(0)
            self._file.seek(0)
            self._file.write(header)
        self._file.truncate(len(header) + self.count * self._dtype.itemsize)
        self._file.seek(0, os.SEEK_END)

    def append(self, values: Values, labels: Answers) -> None:
        """Write windows (count, time, channels) and labels (count,) or targets (count, outputs) after the last ones."""
        records = np.empty(len(values), self._dtype)
        records["values"], records["label"] = values, labels
        self._file.write(records.tobytes())
        self.count += len(values)

    def sync(self) -> int:
        """Make everything so far safe on the disk; return how many windows that is."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self.count

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def read(path: Path) -> npt.NDArray[np.void]:
    """The records of a complete file, mapped into memory: fields ``values`` and ``label``."""
    return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]


def label_counts(path: Path, class_count: int) -> list[int]:
    """How many windows of a complete file carry each label, or ``[how many carry targets]``."""
    labels = read(path)["label"]
    if labels.ndim == 2:
        return [int(answered(labels).sum())]
    return [int(count) for count in np.bincount(labels[labels >= 0], minlength=class_count)]


def _open(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+b")
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)  # the file's name, too, must survive a power cut
    os.close(folder)
    return file


def _header(dtype: np.dtype[np.void], window_count: int) -> bytes:
    buffer = io.BytesIO()
    fields = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (window_count,)}
    np.lib.format.write_array_header_1_0(buffer, fields)
    return buffer.getvalue()
