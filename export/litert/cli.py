"""What the command ``slipway-server litert`` does: a model's file and recorded windows in, a proven ``.tflite`` out."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError

from export.litert.convert import Kind, convert
from nets.model import Model
from slipway.cli.options import read_array
from slipway.errors import Reason, Refused


def write(model_file: Path, windows: Path, key: str, output: Path, kind: Kind) -> dict[str, Any]:
    """Convert a model: every second window calibrates, the others prove.

    Args:
        model_file: what ``Model.to_bytes`` wrote.
        windows: an ``.npz`` or ``.npy`` file of real windows (count, time, channels).
        key: the array's name in an ``.npz``.
        output: the file to write; nothing is written unless the proof holds.
        kind: see ``convert``.

    Returns:
        What was written, as plain JSON values.

    Raises:
        Refused: FIELD_INVALID for files that cannot be read, FIELD_REQUIRED for fewer than two windows, and whatever
            ``convert`` refuses.
    """
    model, values = _model(model_file), read_array(windows, key).astype(np.float32, copy=False)
    if len(values) < 2:
        raise Refused(Reason.FIELD_REQUIRED, field="calibration")
    with _without_chatter():
        made = convert(model, calibration_values=values[0::2], proof_values=values[1::2], kind=kind)
    output.write_bytes(made.file)
    return {
        "path": str(output),
        "size_bytes": len(made.file),
        "kind": made.kind,
        "decides": not model.task.outputs,
        "proof": asdict(made.proof),
        "net_difference": made.net_difference,
        "takes": asdict(made.takes),
        "gives": asdict(made.gives),
    }


def words(written: dict[str, Any]) -> str:
    """What ``write`` returned, for a reader."""
    proof = written["proof"]
    lines = [
        f"{written['path']}  {written['kind']}  {written['size_bytes']:,} bytes",
        f"proven over {proof['samples']:,} windows: at most {proof['max_difference']:.2g} of the largest number away "
        "from the model" + (f", {proof['agreement']:.2%} of the decisions are its own" if written["decides"] else ""),
        *(f"{end} {_form_words(written[end])}" for end in ("takes", "gives")),
    ]
    return "\n".join(lines)


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Nothing on stderr: the converter writes there of itself, past Python, what no reader of ours can use."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)


def _form_words(form: dict[str, Any]) -> str:
    shape = " × ".join(map(str, form["shape"]))
    grid = f", a number is (byte - {form['zero']}) * {form['scale']:.9g}" if form["scale"] else ""
    return f"{form['kind']} {shape}{grid}"


def _model(path: Path) -> Model:
    try:
        return Model.from_bytes(path.read_bytes())
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise Refused(
            Reason.FIELD_INVALID,
            field="model_file",
            problem=f"is no model ({error})",
            found=path.name,
            remedy="Give a version's artifact `model`, as `slipway model download VERSION model` writes it.",
        ) from error
