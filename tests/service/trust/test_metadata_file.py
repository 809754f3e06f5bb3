"""Metadata files by their names, for the process that answers calls: without the framework, and under a limit."""

import subprocess
import sys
from pathlib import Path

import pytest

from service.trust import metadata_file
from service.trust.place import Place
from slipway.errors import Reason, Refused
from tests.service.process import ROOT


def test_the_process_that_answers_calls_loads_no_framework() -> None:
    code = "import sys, service.server; print({name.partition('.')[0] for name in sys.modules} & {'tuf', 'h11'})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60
    )
    assert done.stdout.strip() == "set()"


def test_a_file_is_read_and_a_folder_or_a_stranger_is_not(tmp_path: Path) -> None:
    Place(tmp_path).files.put("metadata/1.adapters/rover.json", b"{}")
    (tmp_path / "updates" / "taken-back.json").write_text("[]")
    assert metadata_file.read(tmp_path, "metadata/1.adapters/rover.json") == b"{}"
    for name in ("metadata/1.adapters", "metadata/1.adapters/rover.json/x", "taken-back.json", "metadata/none", ""):
        with pytest.raises(Refused) as refusal:
            metadata_file.read(tmp_path, name)
        assert refusal.value.reason is Reason.TARGET_NOT_FOUND


def test_a_file_that_is_too_long(tmp_path: Path) -> None:
    Place(tmp_path).files.put("metadata/1.root.json", b"x" * 11)
    assert metadata_file.read(tmp_path, "metadata/1.root.json", limit_bytes=11)
    with pytest.raises(Refused) as refusal:
        metadata_file.read(tmp_path, "metadata/1.root.json", limit_bytes=10)
    assert refusal.value.reason is Reason.LIMIT_EXCEEDED


@pytest.mark.parametrize("text", ["", "{", "7", '[{"a": 1}]'])
def test_orders_that_cannot_be_read_are_not_taken_for_none(tmp_path: Path, text: str) -> None:
    place = Place(tmp_path)
    (place.folder / "taken-back.json").write_text(text)
    with pytest.raises(Refused) as refusal:
        place.taken_back()
    assert refusal.value.reason is Reason.STORED_FILE_DAMAGED


def test_orders_add_up(tmp_path: Path) -> None:
    place = Place(tmp_path)
    for number in (2, 1, 2):
        place.take_back([f"models/rover/versions/{number}"])
    assert place.taken_back() == {"models/rover/versions/1", "models/rover/versions/2"}
    with pytest.raises(Refused):
        place.take_back(["models/../versions/1"])
