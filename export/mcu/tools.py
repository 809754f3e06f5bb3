"""Programs that this package calls: found on the path, run in a folder of their own, stopped in time."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from slipway.errors import Reason, Refused

COMPILER = "arm-none-eabi-gcc"
SIZES = "arm-none-eabi-size"
EMULATOR = "qemu-system-arm"
PACKAGES = {COMPILER: "gcc-arm-none-eabi", SIZES: "binutils-arm-none-eabi", EMULATOR: "qemu-system-arm"}  # Debian's
SHOWN_CHARS = 160  # of what a program says when it fails


def missing() -> tuple[str, ...]:
    """The programs that are not on the path."""
    return tuple(name for name in PACKAGES if shutil.which(name) is None)


def call(
    command: Sequence[str], folder: Path, timeout_seconds: float, *, field: str
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, whatever its exit code.

    Args:
        command: a key of ``PACKAGES``, then its arguments.
        folder: where it runs.
        timeout_seconds: after which it is killed.
        field: of a refusal.

    Raises:
        Refused: FIELD_INVALID, the program is missing or was stopped.
    """
    name = command[0]
    if shutil.which(name) is None:
        raise refused(field, "a program is missing", name, f"Install {PACKAGES[name]}, libnewlib-arm-none-eabi too.")
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=timeout_seconds)
    except subprocess.TimeoutExpired:
        found = f"{name} after {timeout_seconds:g} s"
        raise refused(field, "a program did not end in time and was killed", found, "Allow more time.") from None


def refused(field: str, problem: str, found: object, remedy: str) -> Refused:
    """The refusal of something that does not build or run."""
    return Refused(Reason.FIELD_INVALID, field=field, problem=problem, found=str(found)[:SHOWN_CHARS], remedy=remedy)
