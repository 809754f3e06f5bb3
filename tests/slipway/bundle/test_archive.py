import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.bundle import archive
from slipway.bundle.archive import pack, read, read_file
from slipway.bundle.manifest import Manifest
from slipway.errors import Reason, Refused
from tests.slipway.bundle import attacks
from tests.slipway.bundle.attacks import ATTACKS, FILES, GOLDEN, MANIFEST
from tests.slipway.bundle.make_golden import BUNDLE, FOLDER

GOLDEN_MANIFEST = Manifest.from_bytes((FOLDER / "manifest.json").read_bytes())


def test_packing_the_golden_parts_gives_the_golden_bytes():
    assert pack(GOLDEN_MANIFEST, dict(reversed(FILES.items()))) == GOLDEN
    assert len(GOLDEN) < 10_000


def test_an_independent_writer_gives_the_golden_bytes():
    assert attacks.bundle() == GOLDEN


def test_reading_gives_what_was_packed():
    bundle = read_file(BUNDLE)
    assert bundle.manifest == GOLDEN_MANIFEST and bundle.files == FILES
    assert bundle.graph == FILES["graph.onnx"]
    assert bundle.inputs.shape == (4, 8, 2) and bundle.outputs.shape == (4, 3)
    np.testing.assert_array_equal(bundle.inputs, np.load(FOLDER / "self_test_inputs.npy"))


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_with_its_reason(name):
    data, reason = ATTACKS[name]
    with pytest.raises(Refused) as refused:
        read(data)
    assert refused.value.reason is reason, refused.value


def test_every_attack_differs_from_the_golden_bundle():
    assert all(data != GOLDEN for data, _ in ATTACKS.values())


def test_a_refusal_says_what_and_what_to_do():
    with pytest.raises(Refused) as refused:
        read(ATTACKS["a missing file"][0])
    assert "graph.onnx" in refused.value.message and refused.value.remedy


def changed(place: int, change: int) -> bytes:
    return GOLDEN[:place] + bytes([GOLDEN[place] ^ change]) + GOLDEN[place + 1 :]


def test_every_byte_counts():
    for place in range(len(GOLDEN)):
        with pytest.raises(Refused):
            read(changed(place, 1))


@settings(max_examples=500, derandomize=True)
@given(st.integers(0, len(GOLDEN) - 1), st.integers(1, 255))
def test_any_changed_byte_is_refused(place, change):
    with pytest.raises(Refused):
        read(changed(place, change))


@settings(max_examples=200, derandomize=True)
@given(st.integers(0, len(GOLDEN)), st.integers(0, 40), st.binary(max_size=40))
def test_any_spliced_bundle_is_refused_or_the_same(place, removed, inserted):
    data = GOLDEN[:place] + inserted + GOLDEN[place + removed :]
    try:
        bundle = read(data)
    except Refused:
        return
    assert pack(bundle.manifest, bundle.files) == data


@settings(max_examples=100, derandomize=True)
@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_are_refused_with_a_reason(data, looks_like_zip):
    with pytest.raises(Refused):
        read(b"PK\x03\x04" * looks_like_zip + data)


@pytest.mark.parametrize("change", [{"more.bin": b""}, {"graph.onnx": b"other"}])
def test_packing_refuses_what_reading_would_refuse(change):
    with pytest.raises(Refused):
        pack(GOLDEN_MANIFEST, {**FILES, **change})


def test_an_extra_file_that_is_described_travels():
    data = attacks.with_file("notes.txt", b"hello", "extra")
    assert read(data).files["notes.txt"] == b"hello"


def test_a_file_over_the_limit_is_not_read(tmp_path):
    path = tmp_path / "huge.slipway"
    with open(path, "wb") as file:
        file.truncate(1 << 40)  # sparse: takes no room
    with pytest.raises(Refused) as refused:
        read_file(path)
    assert refused.value.reason is Reason.LIMIT_EXCEEDED


def test_the_limits_are_those_of_the_specification():
    spec = (FOLDER.parents[3] / "slipway" / "bundle" / "SPEC.md").read_text()
    assert "| whole bundle | 64 MiB |" in spec and archive.BUNDLE_LIMIT_BYTES == 64 * 2**20
    assert "| files beside the manifest | 1 to 16 |" in spec and attacks.FILE_LIMIT == 16
    assert "| manifest | 64 KiB |" in spec and attacks.MANIFEST_LIMIT_BYTES == 64 * 2**10
    assert "| self-test | 1 to 256 windows |" in spec and archive.SELF_TEST_LIMIT == 256
    assert set(MANIFEST) == {line.split("`")[1] for line in _rows(spec, "## manifest.json")}


def _rows(spec: str, heading: str) -> list[str]:
    section = spec.split(heading)[1].split("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("| `")]


def test_reading_a_bundle_loads_no_runtime():
    code = "import sys, slipway.bundle.archive, slipway.bundle.runtime; print('onnxruntime' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
