"""What ``slipway-server litert`` does: nothing is written that was not proven, and what was written is told."""

from pathlib import Path

import numpy as np
import pytest

from export.litert import Runner
from export.litert.cli import words, write
from nets.inference import logits
from slipway.errors import Reason, Refused
from tests.export.examples import example, windows
from tests.export.litert.programs import needs_litert


def _files(folder: Path, values: np.ndarray) -> tuple[Path, Path]:
    (folder / "model").write_bytes(example("cnn").to_bytes())
    np.savez(folder / "windows.npz", x=values)
    return folder / "model", folder / "windows.npz"


@needs_litert
def test_a_model_and_windows_become_a_file_that_runs(tmp_path: Path) -> None:
    made, output = example("cnn"), tmp_path / "net.tflite"
    found = write(*_files(tmp_path, windows(made, 80)), "x", output, "float")
    fresh = windows(made, 9, 5)
    np.testing.assert_allclose(Runner(output.read_bytes())(fresh), logits(made, fresh), atol=1e-5)
    assert found["size_bytes"] == output.stat().st_size and found["proof"]["samples"] == 40
    assert "float32 1 × 33 × 6" in words(found) and "100.00% of the decisions" in words(found)


@needs_litert
def test_the_grids_of_an_integer_file_are_told(tmp_path: Path) -> None:
    found = write(*_files(tmp_path, windows(example("cnn"), 300)), "x", tmp_path / "net.tflite", "integer")
    assert f"int8 1 × 1 × 33 × 6, a number is (byte - {found['takes']['zero']}) * " in words(found)


@needs_litert
def test_what_is_not_proven_is_not_written(tmp_path: Path) -> None:
    values, output = windows(example("cnn"), 80), tmp_path / "net.tflite"
    values[0::2] *= 0.02  # every second window calibrates
    with pytest.raises(Refused) as refused:
        write(*_files(tmp_path, values), "x", output, "int8")
    assert refused.value.reason is Reason.EXPORT_DIFFERS and not output.exists()


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    model_file, recording = _files(tmp_path, windows(example("cnn"), 1))
    other, output = tmp_path / "other", tmp_path / "net.tflite"
    other.write_bytes(b"no model")
    for reason, arguments in (
        (Reason.FIELD_INVALID, (other, recording, "x")),
        (Reason.FIELD_INVALID, (tmp_path / "nowhere", recording, "x")),
        (Reason.FIELD_INVALID, (model_file, recording, "y")),
        (Reason.FIELD_REQUIRED, (model_file, recording, "x")),
    ):
        with pytest.raises(Refused) as refused:
            write(*arguments, output, "float")
        assert refused.value.reason is reason and not output.exists()
