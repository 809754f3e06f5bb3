import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.bundle.manifest import FileEntry, Manifest, Proof, file_entry
from slipway.errors import Reason, Refused
from slipway.spec import Channel, SensorSpec, TaskSpec

TASK = TaskSpec("toy", SensorSpec((Channel("x", "m"),), 50.0, 8), ("yes", "no"))
FILES = {
    "graph.onnx": file_entry("graph", b"g"),
    "in.npy": file_entry("self_test_inputs", b"i"),
    "out.npy": file_entry("self_test_outputs", b"o"),
}
PLAIN = Manifest("toy", "1", TASK, "int8", FILES, 0.1)

scalars = st.one_of(st.text(max_size=512), st.integers(-(2**63), 2**63), st.booleans(), st.floats(allow_nan=False))
amounts = st.floats(0, 1e30)
proofs = st.builds(Proof, st.sampled_from(["float", "int8"]), st.integers(1, 10**9), amounts, amounts, amounts)


@settings(max_examples=100, derandomize=True)
@given(
    st.from_regex(r"[a-z][a-z0-9_-]{0,62}", fullmatch=True),
    st.from_regex(r"[0-9A-Za-z][0-9A-Za-z._-]{0,62}", fullmatch=True),
    st.dictionaries(
        st.text(min_size=1, max_size=20), scalars.filter(lambda v: v not in (float("inf"), -float("inf"))), max_size=8
    ),
    st.lists(proofs, max_size=8),
    amounts,
)
def test_reading_is_the_inverse_of_writing(model, version, lineage, shown, tolerance):
    manifest = Manifest(model, version, TASK, "float", FILES, tolerance, lineage, tuple(shown), "2030-01-31T12:00:00Z")
    data = manifest.to_bytes()
    assert Manifest.from_bytes(data) == manifest
    assert Manifest.from_bytes(data).to_bytes() == data


def test_a_manifest_is_plain_ascii_in_one_line():
    data = dataclasses.replace(PLAIN, lineage={"where": "Gießen"}).to_bytes()
    assert data.isascii() and b"\n" not in data and b" " not in data


def test_a_role_has_one_name():
    assert PLAIN.name_of("graph") == "graph.onnx"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"model": "No Such"}, "manifest.model"),
        ({"version": ""}, "manifest.version"),
        ({"precision": "half"}, "manifest.precision"),
        ({"created": "yesterday"}, "manifest.created"),
        ({"self_test_tolerance": float("nan")}, "manifest.self_test.tolerance"),
        ({"self_test_tolerance": float("inf")}, "manifest.self_test.tolerance"),
        ({"lineage": {"x": float("nan")}}, "manifest.lineage.x"),
        ({"lineage": {"x": None}}, "manifest.lineage.x"),
        ({"files": {}}, "manifest.files"),
    ],
)
def test_a_wrong_field_is_named(change, field):
    with pytest.raises(Refused) as refused:
        dataclasses.replace(PLAIN, **change)
    assert refused.value.field == field


def test_a_manifest_over_its_limit_is_not_written():
    lineage = {f"{index}": "é" * 512 for index in range(64)}  # six characters each once encoded
    with pytest.raises(Refused) as refused:
        dataclasses.replace(PLAIN, lineage=lineage).to_bytes()
    assert refused.value.reason is Reason.LIMIT_EXCEEDED


def test_a_hash_is_lower_case_hex():
    with pytest.raises(Refused):
        FileEntry("graph", 1, "A" * 64)
